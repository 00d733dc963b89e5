"""Several small payloads conformed in one pass give what each gives alone."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.conform import run
from ingestion.conform.evaluate import Evaluator
from ingestion.conform.pseudonym import PseudonymKeys
from ingestion.conform.result import Conformed
from ingestion.conform.run import Payload, conform, conform_small
from ingestion.contract.extension import Deidentify, HeaderVariant, RowRule, ZipFormat
from ingestion.errors import DeliveryRefused
from ingestion.parsers import block_limits
from ingestion.settings import Settings
from tests.support.conforming import LOADED_AT, MASTER, Maker
from tests.support.examples import a_part

PIECES = (
    "k,v,d,p\n",
    "a,1,2026-03-01,13800138000\n",
    "a,2,2026-03-01,\n",
    "b,x,2026-03-02,13800138001\n",
    "c,3.5,,9\n",
    '"d,4\n',
    ",,,\n",
    "e,5,2027-01-01,13800138000\n",
)


def strict(make: Any) -> Any:
    """Typed, keyed, dated, with a pseudonym and a rule about the delivery's own day."""
    table = make.table(
        make.column("k", primary_key=1),
        make.column("v", "DOUBLE", maximum=4),
        make.column("d", "DATE"),
        make.column("p", deidentify=Deidentify(method="pseudonym", purpose="caller")),
        event_time="d",
    )
    rule = RowRule(id="not_ahead", expression="d <= content_date", description="not after its delivery")
    return make.contract(replace(table, rules=(rule,)), max_refused_share=0.7)


def facts_of(make: Any, result: Conformed | Exception) -> Any:
    """Everything a result says, with the rows of its files."""
    if isinstance(result, DeliveryRefused):
        refused = result.conformed
        return result.rule, str(result), facts_of(make, refused) if isinstance(refused, Conformed) else None
    if isinstance(result, Exception):
        return type(result), str(result)
    tables = {
        name: (
            replace(table, bronze=None, quarantine=None),
            [repr(row) for row in make.rows(table.bronze)] if table.bronze else [],
            [repr(row) for row in make.rows(table.quarantine)] if table.quarantine else [],
        )
        for name, table in result.tables.items()
    }
    return replace(result, tables={}), tables


def both(make: Any, contract: Any, texts: list[bytes], folder: Path) -> tuple[list[Any], list[Any]]:
    """What the payloads give alone and together; each is a day later than the one before it."""
    payloads = []
    for number, text in enumerate(texts):
        path = folder / f"small{number}"
        path.write_bytes(text)
        as_of = LOADED_AT - timedelta(days=number)
        payloads.append(make.payload(path, batch=f"b{number}", content_as_of=as_of, scratch=folder / f"t{number}"))
    alone = []
    for number, payload in enumerate(payloads):
        one = replace(payload, scratch=folder / f"a{number}")
        try:
            alone.append(facts_of(make, conform(contract, one, keys=make.keys, settings=make.settings)))
        except DeliveryRefused as refusal:
            alone.append(facts_of(make, refusal))
    together = conform_small(contract, payloads, keys=make.keys, settings=make.settings)
    return alone, [facts_of(make, result) for result in together]


@settings(max_examples=a_part(0.2))
@given(st.lists(st.lists(st.sampled_from(PIECES[1:]), max_size=6), min_size=1, max_size=5))
def test_together_as_alone(tmp_path_factory: pytest.TempPathFactory, drawn: list[list[str]]) -> None:
    folder = tmp_path_factory.mktemp("small")
    home = Settings(home=folder / "home", pseudonym_key=MASTER)
    make = Maker(folder, home, PseudonymKeys.load(home))
    alone, together = both(make, strict(make), ["".join([PIECES[0], *lines]).encode() for lines in drawn], folder)
    assert together == alone


def test_each_payload_is_judged_by_its_own_day_and_holds_its_own_values(make: Any, tmp_path: Path) -> None:
    line = f"a,1,{LOADED_AT - timedelta(hours=12):%Y-%m-%d},13800138000\n"
    other = line.replace("13800138000", "13800138001")
    alone, together = both(make, strict(make), [f"k,v,d,p\n{text}".encode() for text in (line, other)], tmp_path)
    assert together == alone
    found = conform_small(
        strict(make), [make.payload(tmp_path / f"small{n}", scratch=tmp_path / f"u{n}") for n in (0, 1)],
        keys=make.keys, settings=make.settings,
    )  # fmt: skip
    values = [make.rows(one.tables["t"].bronze)[0]["p"] for one in found if isinstance(one, Conformed)]
    assert len(set(values)) == 2
    for number, one in enumerate(found):
        assert isinstance(one, Conformed) and one.tables["t"].bronze is not None
        # Not even in the dictionary of the column.
        assert values[1 - number].encode() not in one.tables["t"].bronze.read_bytes()


def test_headers_encodings_and_empty_files_are_each_payloads_own(make: Any, tmp_path: Path) -> None:
    table = make.table(make.column("a"), make.column("b", "INTEGER"))
    variant = HeaderVariant(id="old", columns={"a": {"source": "name"}, "b": {"source": "number"}})
    contract = make.contract(replace(table, header_variants=(variant,)), empty="no_data")
    texts = [b"a,b\nx,1\n", b"number,name\n2,y\n", b"a,b\n", b"", b"<html>", b"a,b\n\xff,3\n", b"b,a\n4,z\n"]
    alone, together = both(make, contract, texts, tmp_path)
    assert together == alone
    assert {isinstance(one[0], str) for one in together} == {True, False}


def test_archives_and_payloads_that_are_not_small(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def zipped(*lines: str) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("m.csv", "a,b\n" + "".join(lines))
        return buffer.getvalue()

    monkeypatch.setattr(block_limits, "MAX_RECORDS", 3)
    table = replace(make.table(make.column("a"), make.column("b", "INTEGER")), source="m.csv")
    long = zipped(*(f"x{n},{n}\n" for n in range(20)))
    alone, together = both(make, make.contract(table, format=ZipFormat()), [zipped("p,1\n"), long, b"PK"], tmp_path)
    assert together == alone


def test_what_breaks_the_pass_is_the_result_of_its_own_payload(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Evaluator._query

    def poisoned(self: Evaluator, statement: str, segment: Any) -> Any:
        if "poison" in segment.column(0).to_pylist():
            raise KeyError("poison")
        return whole(self, statement, segment)

    monkeypatch.setattr(Evaluator, "_query", poisoned)
    paths = [tmp_path / name for name in ("one", "two", "three")]
    for path, text in zip(paths, ("a", "poison", "c"), strict=True):
        path.write_text(f"a\n{text}\n")
    payloads: list[Payload] = [make.payload(path, scratch=tmp_path / f"s{n}") for n, path in enumerate(paths)]
    contract = make.contract(make.table(make.column("a")))
    first, second, third = conform_small(contract, payloads, keys=make.keys, settings=make.settings)
    assert isinstance(second, KeyError)
    assert [make.rows(one.tables["t"].bronze)[0]["a"] for one in (first, third)] == ["a", "c"]  # type: ignore[union-attr]


def test_what_small_files_hold_unpacked_is_bounded_too(
    make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    together = Evaluator.together

    def counted(self: Evaluator, segments: Any, dates: Any) -> Any:
        passes.append(len(segments))
        return together(self, segments, dates)

    monkeypatch.setattr(Evaluator, "together", counted)
    contract = make.contract(make.table(make.column("a"), make.column("b", "INTEGER")))
    texts = [f"a,b\nx{n},{n}\n".encode() for n in range(5)]
    alone, found = both(make, contract, texts, tmp_path)
    assert (found, passes) == (alone, [5])
    monkeypatch.setattr(run, "_TOGETHER_BYTES", 40)
    (tmp_path / "again").mkdir()
    passes.clear()
    alone, found = both(make, contract, texts, tmp_path / "again")
    assert found == alone
    assert len(passes) > 1
    assert sum(passes) == 5
