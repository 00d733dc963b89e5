"""Every outcome of a delivery, through the real store, log and landing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ingestion.connectors.file_drop import fetched_file
from ingestion.delivery.holds import decide, held
from ingestion.delivery.ingest import fetch_time, ingest_fetched, ingest_file, ingest_interval
from ingestion.delivery.reconform import reconform
from ingestion.errors import IntegrityError
from ingestion.receipts.manifests import read_manifest
from ingestion.store import LocalStore
from ingestion.upkeep.collect import erase, to_erase
from tests.support.lakes import contract, counted, day, drop, lake, rows


@dataclass(frozen=True)
class Case:
    name: str
    delivery: str
    correction: str | None
    files: tuple[tuple[str, float], ...]  # text and hours of modification, in name order
    outcomes: tuple[str, ...]
    counts: dict[str, float]


A, B = rows("abcde"), rows("abcde", value=2)
CASES = [
    Case("accepted", "interval", "full", ((A, 1),), ("accepted",), dict.fromkeys("abcde", 1)),
    Case(
        "same bytes under another name",
        "interval",
        "full",
        ((A, 1), (A, 2)),
        ("accepted", "duplicate"),
        dict.fromkeys("abcde", 1),
    ),
    Case("correction", "interval", "full", ((A, 1), (B, 2)), ("accepted", "accepted"), dict.fromkeys("abcde", 2)),
    Case(
        "older correction arrives late",
        "interval",
        "full",
        ((B, 2), (A, 1)),
        ("accepted", "accepted"),
        dict.fromkeys("abcde", 2),
    ),
    Case(
        "other bytes, same rows",
        "interval",
        "full",
        ((A, 1), (rows("edcba"), 2)),
        ("accepted", "unchanged"),
        dict.fromkeys("abcde", 1),
    ),
    Case(
        "unchanged holds against an older one",
        "interval",
        "full",
        ((A, 1), (rows("edcba"), 3), (B, 2)),
        ("accepted", "unchanged", "accepted"),
        dict.fromkeys("abcde", 1),
    ),
    Case(
        "back to the first bytes",
        "interval",
        "full",
        ((A, 1), (B, 2), (A, 3)),
        ("accepted", "accepted", "unchanged"),
        dict.fromkeys("abcde", 1),
    ),
    Case("held", "interval", "full", ((A, 1), (rows("ab"), 2)), ("accepted", "held"), dict.fromkeys("abcde", 1)),
    Case(
        "small loss passes",
        "interval",
        "full",
        ((A, 1), (rows("abcd"), 2)),
        ("accepted", "accepted"),
        dict.fromkeys("abcd", 1),
    ),
    Case(
        "back to bytes that lose keys",
        "interval",
        "full",
        ((A, 1), (rows("abcdefghij", value=2), 2), (A, 3)),
        ("accepted", "accepted", "duplicate"),
        dict.fromkeys("abcdefghij", 2),
    ),
    Case(
        "empty correction of rows",
        "interval",
        "full",
        ((A, 1), (rows(""), 2)),
        ("accepted", "held"),
        dict.fromkeys("abcde", 1),
    ),
    Case("empty", "interval", "full", ((rows(""), 1),), ("no_data",), {}),
    Case("bad header", "interval", "full", (("x\n1\n", 1),), ("refused",), {}),
    Case(
        "bad rows past the share",
        "interval",
        "full",
        ((rows("ab", value="x"), 1), (A, 2)),
        ("refused", "accepted"),
        dict.fromkeys("abcde", 1),
    ),
    Case("snapshot", "snapshot", None, ((A, 1), (B, 2)), ("accepted", "accepted"), dict.fromkeys("abcde", 2)),
    Case(
        "delta adds",
        "interval",
        "delta",
        ((A, 1), (rows("fg"), 2)),
        ("accepted", "accepted"),
        dict.fromkeys("abcdefg", 1),
    ),
    Case(
        "events add",
        "events",
        None,
        ((A, 1), (rows("ab"), 2)),
        ("accepted", "accepted"),
        dict.fromkeys("ab", 2) | dict.fromkeys("cde", 1),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_outcomes(tmp_path: Path, case: Case) -> None:
    made, feed = lake(tmp_path), contract(case.delivery, case.correction, empty="no_data")
    deliveries = []
    for number, (text, hours) in enumerate(case.files):
        path = drop(made, f"readings_{number}.csv", text, hours=hours)
        deliveries.append(ingest_file(made, feed, path, day(0)))
    assert tuple(one.outcome for one in deliveries) == case.outcomes
    assert counted(made) == case.counts
    for one in deliveries:
        assert one.received == one.accepted + one.quarantined + one.duplicates


def test_presenting_everything_again_stores_nothing(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract()
    drop(made, "readings_20260302.csv", A, hours=1)
    drop(made, "readings_20260302_r2.csv", B, hours=2)
    drop(made, "readings_20260302_r3.csv", A, hours=3)
    first = ingest_interval(made, feed, day(0))
    assert [one.outcome for one in first] == ["accepted", "accepted", "unchanged"]
    before = [info.key for info in made.store.list("")]
    again = ingest_interval(made, feed, day(0))
    assert [one.outcome for one in again] == ["duplicate"] * 3
    assert [info.key for info in made.store.list("")] == before
    assert counted(made) == dict.fromkeys("abcde", 1)


def test_no_file_is_late_not_no_data(tmp_path: Path) -> None:
    made = lake(tmp_path)
    assert ingest_interval(made, contract(), day(0)) == []
    assert list(made.store.list("receipts/")) == []


def test_refused_keeps_raw_and_quarantine_and_the_message_comes_again(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract()
    text = rows("abc", value="x") + "d,2026-03-02,1\n"
    path = drop(made, "readings_20260302.csv", text)
    refused = ingest_file(made, feed, path, day(0))
    assert (refused.outcome, refused.rule, refused.quarantined) == ("refused", "refused_share", 3)
    raw = [info.key for info in made.store.list("raw/") if "/payload/" in info.key]
    assert made.store.get_bytes(raw[0]).decode() == text
    assert len(list(made.store.list("quarantine/"))) == 1
    assert list(made.store.list("bronze/")) == []
    again = ingest_file(made, feed, path, day(0))
    assert (again.outcome, again.message, again.receipt) == ("duplicate", refused.message, refused.receipt)
    lenient = contract(version="1.1.0", max_refused_share=0.9)
    healed = ingest_file(made, lenient, path, day(0))
    assert (healed.outcome, healed.accepted) == ("accepted", 1)
    assert counted(made) == {"d": 1}


def test_the_steward_decides(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract()
    ingest_file(made, feed, drop(made, "readings_1.csv", A, hours=1), day(0))
    shrunk = ingest_file(made, feed, drop(made, "readings_2.csv", rows("ab"), hours=2), day(0))
    assert "3 of 5 keys of reading (60%)" in (shrunk.message or "")
    assert [hold.batch for hold in held(made)] == [shrunk.batch]
    decide(made, shrunk.batch, "reject", "a mistake", "steward")
    assert held(made) == []
    assert counted(made) == dict.fromkeys("abcde", 1)
    decide(made, shrunk.batch, "accept", "right after all", "steward")
    assert counted(made) == dict.fromkeys("ab", 1)


def test_a_snapshot_of_another_interval_supersedes(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract("snapshot")
    ingest_file(made, feed, drop(made, "readings_1.csv", A, hours=1), day(0))
    ingest_file(made, feed, drop(made, "readings_2.csv", rows("abcdef"), hours=25), day(1))
    assert counted(made) == dict.fromkeys("abcdef", 1)


def test_reconform_replaces_and_gives_equal_row_hashes(tmp_path: Path) -> None:
    made, feed = lake(tmp_path), contract()
    ingest_file(made, feed, drop(made, "readings_1.csv", A, hours=1), day(0))
    ingest_file(made, feed, drop(made, "readings_2.csv", B, hours=2), day(0))
    ingest_file(made, feed, drop(made, "readings_3.csv", rows("edcba", value=2), hours=3), day(0))
    assert reconform(made, feed) == []
    newer = contract(version="1.1.0")
    assert [one.outcome for one in reconform(made, newer)] == ["accepted", "accepted", "unchanged"]
    assert reconform(made, newer) == []
    assert counted(made) == dict.fromkeys("abcde", 2)
    rotated = replace(made, open_keys=lambda: replace(made.keys, version=2))
    assert len(reconform(rotated, newer)) == 3
    with made.log.connect() as connection:
        query = (
            "select receipt.batch, count(distinct row_hash) from bronze_file join receipt on receipt_key = receipt.key "
            "where key_version = 1 group by receipt.batch"
        )
        assert {count for _, count in connection.execute(query).fetchall()} == {1}
    assert [one.outcome for one in reconform(made, feed)] == ["accepted", "accepted", "unchanged"]
    with made.log.connect() as connection:
        counts = connection.execute("select distinct revision, key_version from standing where effective").fetchall()
    assert counts == [(feed.revision, 1)]


def test_a_confirming_batch_comes_after_the_one_it_confirms(tmp_path: Path) -> None:
    """Both hold as of one moment; conforming again depends on their order, so it must not be left to chance."""
    made, feed = lake(tmp_path), contract()
    first = ingest_file(made, feed, drop(made, "readings_1.csv", A, hours=1), day(0))
    second = ingest_file(made, feed, drop(made, "readings_2.csv", rows("edcba"), hours=2), day(0))
    with made.log.connect() as connection:
        order = connection.execute("select precedence, batch from standing order by precedence").fetchall()
    assert [batch for _, batch in order] == [first.batch, second.batch]
    assert order[0][0] < order[1][0]


def test_conforming_again_leaves_a_correction_in_force(tmp_path: Path) -> None:
    """All of an interval hold as of its end: the order of commits decides, and conforming again is none."""
    made, feed = lake(tmp_path), contract(content_as_of="interval_end")
    ingest_file(made, feed, drop(made, "readings_1.csv", A), day(0))
    assert ingest_file(made, feed, drop(made, "readings_2.csv", rows("edcba")), day(0)).outcome == "unchanged"
    ingest_file(made, feed, drop(made, "readings_3.csv", rows("abcde", value=3)), day(0))
    reconform(made, contract(content_as_of="interval_end", version="2.0.0"))
    assert counted(made) == dict.fromkeys("abcde", 3)


@pytest.mark.parametrize("rule", ["fetched", "interval_end"])
def test_what_a_source_of_one_version_gives_now_counts(tmp_path: Path, rule: str) -> None:
    """Also where the bytes that come back had only confirmed others; said once, it is not said again."""
    made, feed = lake(tmp_path), contract(content_as_of=rule)

    def presented(text: str) -> str:
        path, now = drop(made, "readings.csv", text), fetch_time(made, feed)
        fetched = fetched_file(feed, day(0), path, source="file:readings.csv", connector="file/1", now=now)
        return ingest_fetched(made, feed, day(0), replace(fetched, replaces=True)).outcome

    said = [presented(text) for text in (A, rows("edcba"), rows("abcde", value=3))]
    assert said == ["accepted", "unchanged", "accepted"]
    assert [presented(rows("edcba")) for _ in range(2)] == ["unchanged", "duplicate"]
    assert counted(made) == dict.fromkeys("abcde", 1)
    assert [presented(rows("abcde", value=3)) for _ in range(2)] == ["unchanged", "duplicate"]
    assert counted(made) == dict.fromkeys("abcde", 3)


class NeverRead(LocalStore):
    """A store from which no object is fetched."""

    def fetch(self, key: str, target: Path) -> Path:
        raise AssertionError(key)


def test_what_was_just_landed_is_not_fetched_again(tmp_path: Path) -> None:
    made = lake(tmp_path)
    path = drop(made, "readings_1.csv", A)
    assert ingest_file(replace(made, store=NeverRead(made.store.root)), contract(), path, day(0)).accepted == 5


def test_raw_bytes_that_are_not_those_that_landed_are_not_conformed(tmp_path: Path) -> None:
    """A failing disk or a store that answers with other bytes: in the same number, so that no length tells."""
    made, feed = lake(tmp_path), contract()
    delivery = ingest_file(made, feed, drop(made, "readings_1.csv", A), day(0))
    payload = made.store.root / read_manifest(made.store, feed, day(0), delivery.batch).payload
    payload.unlink()
    payload.write_text(B, encoding="utf-8")
    with pytest.raises(IntegrityError, match="does not have the bytes its manifest names"):
        reconform(made, contract(version="2.0.0"))
    assert counted(made) == dict.fromkeys("abcde", 1)


def test_rows_erased_while_they_are_conformed_again_stay_erased(tmp_path: Path) -> None:
    """The bytes were read before they were erased; what was made of them is not stored after."""
    made, feed = lake(tmp_path), contract()
    delivery = ingest_file(made, feed, drop(made, "readings_1.csv", A), day(0))

    def erased(step: str) -> None:
        if step == "conformed":
            erase(made, feed, delivery.batch, reason="asked for", by="officer")

    (again,) = reconform(replace(made, on_step=erased), contract(version="2.0.0"))
    assert (again.outcome, again.message) == ("duplicate", "these bytes were erased; they are not taken in again")
    assert not [info.key for zone in ("bronze", "quarantine") for info in made.store.list(zone)]


def test_an_erasure_takes_what_a_dead_conform_left(tmp_path: Path) -> None:
    """Objects no receipt names yet hold the same rows; they are not left to a collection some days later."""

    class Died(BaseException):
        pass

    def dies(step: str) -> None:
        if step == "stored_bronze":
            raise Died

    made, feed = lake(tmp_path), contract()
    delivery = ingest_file(made, feed, drop(made, "readings_1.csv", A), day(0))
    other = ingest_file(made, feed, drop(made, "readings_2.csv", A), day(1))
    with pytest.raises(Died):
        reconform(replace(made, on_step=dies), contract(version="2.0.0"))
    bronze = [info.key for info in made.store.list("bronze") if delivery.batch in info.key]
    assert len(bronze) == 2
    assert set(bronze) <= set(to_erase(made, feed, delivery.batch))
    stone = erase(made, feed, delivery.batch, reason="asked for", by="officer")
    assert set(bronze) <= set(stone.objects)
    (left,) = [info.key for info in made.store.list("bronze")]
    assert other.batch in left
