"""Values de-identified on some rows: nothing personal is kept, nothing else lost, and one person is one pseudonym."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.conform.pseudonym import PseudonymKeys
from ingestion.conform.run import conform, conform_small
from ingestion.conform.split import split_of
from ingestion.contract.extension import (
    Deidentify,
    HeaderVariant,
    JsonFormat,
    VariantColumn,
)
from ingestion.intervals import Interval
from ingestion.parsers import block_limits
from ingestion.settings import Settings
from tests.support.conforming import MASTER, Maker
from tests.support.examples import a_part

PERSON, COMPANY, SHOP = "自然人", "法人及非法人组织", "个体工商户"
KINDS = (PERSON, COMPANY, SHOP)


def expected(value: str, master: str = MASTER) -> str:
    """The pseudonym as Python makes it."""
    key = hmac.new(bytes.fromhex(master), b"credit", hashlib.sha256).digest()
    return hmac.new(key, value.encode(), hashlib.sha256).hexdigest()


def only(method: str = "pseudonym", *kinds: Any, column: str = "kind", **facts: Any) -> Deidentify:
    purpose = {"purpose": "credit"} if method == "pseudonym" else {}
    when = {"column": column, "in": list(kinds) or [PERSON]}
    return Deidentify.model_validate({"method": method, **purpose, **facts, "when": when})


def decisions(make: Any, *, name: dict[str, Any] | None = None, **facts: Any) -> Any:
    """Decisions on parties: `party` is a pseudonym on the rows of natural persons, `person` on all."""
    given_name = {"deidentify": only(), "normalise": ["nfkc"], **(name or {})}
    return make.table(
        make.column("no", primary_key=1),
        make.column("kind", allowed=KINDS, missing=["无"]),
        make.column("party", **given_name),
        make.column("person", deidentify=Deidentify(method="pseudonym", purpose="credit")),
        **facts,
    )


def rows_of(make: Any, table: Any, payload: str, **facts: Any) -> list[Any]:
    found = make.conform(make.contract(table, **facts), payload.encode()).tables[table.name]
    return list(make.rows(found.bronze))


def test_only_the_rows_of_persons_are_pseudonymised(make: Any) -> None:
    rows = rows_of(
        make,
        decisions(make),
        f"no,kind,party,person\n1,{PERSON},张三,张三\n2,{COMPANY},Ａ有限公司,李四\n3,{SHOP},张三,\n4,{PERSON},,\n",
    )
    assert [(row["party"], row["person"]) for row in rows] == [
        (expected("张三"), expected("张三")), ("A有限公司", expected("李四")), ("张三", None), (None, None),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["", " ", "无", "\u3000"])
def test_a_row_that_does_not_say_its_kind_is_a_persons(make: Any, kind: str) -> None:
    (row,) = rows_of(make, decisions(make), f"no,kind,party,person\n1,{kind},张三,\n")
    assert (row["kind"], row["party"]) == (None, expected("张三"))


def test_a_kind_that_nobody_declared_goes_to_quarantine(make: Any) -> None:
    payload = f"no,kind,party,person\n1,公民,张三,\n2,{PERSON} ,李四,\n".encode()
    found = make.conform(make.contract(decisions(make)), payload).tables["t"]
    assert found.rules == {"kind.allowed": 1}
    assert [row["party"] for row in make.rows(found.bronze)] == [expected("李四")]


def test_a_header_without_the_kind_keeps_no_name(make: Any) -> None:
    old = HeaderVariant(
        id="layout_2016",
        columns={"kind": VariantColumn(absent=True), "party": VariantColumn(source="name")},
    )
    rows = rows_of(make, decisions(make, header_variants=(old,)), "no,name,person\n1,张三,\n2,某公司,\n")
    assert [row["party"] for row in rows] == [expected("张三"), expected("某公司")]


def test_a_number_may_decide_in_any_spelling(make: Any) -> None:
    table = make.table(
        make.column("no", primary_key=1),
        make.column("kind", "INTEGER", allowed=("1", "2")),
        make.column("party", deidentify=only("pseudonym", 1)),
    )
    rows = rows_of(make, table, "no,kind,party\n1,1,a\n2,2,b\n3,2.0,c\n4,01,d\n5,,e\n")
    assert [row["party"] for row in rows] == [expected("a"), "b", "c", expected("d"), expected("e")]


def test_a_mask_on_some_rows(make: Any) -> None:
    table = decisions(make, name={"deidentify": only("mask", keep_first=1)})
    rows = rows_of(make, table, f"no,kind,party,person\n1,{PERSON},张三丰,\n2,{COMPANY},某公司,\n3,,王五,\n")
    assert [row["party"] for row in rows] == ["张**", "某公司", "王*"]


def test_a_value_that_looks_like_a_pseudonym_is_not_kept(make: Any) -> None:
    """So 64 hexadecimal digits in bronze are a pseudonym, whatever the column."""
    like = expected("张三")
    payload = f"no,kind,party,person\n1,{COMPANY},{like},\n2,{PERSON},{like},\n3,{COMPANY},x{like},\n"
    found = make.conform(make.contract(decisions(make)), payload.encode()).tables["t"]
    assert found.rules == {"party.like_pseudonym": 1}
    assert [row["party"] for row in make.rows(found.bronze)] == [expected(like), f"x{like}"]


def test_rows_are_told_apart_by_what_bronze_has(make: Any) -> None:
    """As part of a key, and without any: repeats are found, and another name gives another row hash."""
    keyed = make.table(make.column("kind", allowed=KINDS), make.column("party", primary_key=1, deidentify=only()))
    lines = [f"{PERSON},张三", f"{COMPANY},张三", f"{COMPANY},张三", f"{PERSON},张三", f"{COMPANY},某公司"]
    payload = "kind,party\n" + "\n".join(lines) + "\n"
    for table in (keyed, replace(keyed, columns=tuple(replace(c, primary_key=None) for c in keyed.columns))):
        found = make.conform(make.contract(table), payload.encode()).tables["t"]
        assert (found.accepted, found.duplicates, found.quarantined) == (3, 2, 0)
    hashes = {
        make.conform(make.contract(keyed), f"kind,party\n{COMPANY},{name}\n".encode()).row_hash
        for name in ("某公司", "另一公司", "一个名字很长的有限责任公司甲", "一个名字很长的有限责任公司乙")
    }
    assert len(hashes) == 4


def test_another_key_changes_pseudonyms_and_nothing_else(make: Any) -> None:
    """Bronze is made again from what was sent, so a new key never makes a pseudonym of a pseudonym."""
    payload = f"no,kind,party,person\n1,{PERSON},张三,\n2,{COMPANY},某公司,\n".encode()
    contract = make.contract(decisions(make))
    before = make.rows(make.conform(contract, payload).tables["t"].bronze)
    other = "ff" * 32
    make.keys = PseudonymKeys.load(Settings(home=make.settings.home, pseudonym_key=other))
    after = make.rows(make.conform(contract, payload).tables["t"].bronze)
    assert [row["party"] for row in before] == [expected("张三"), "某公司"]
    assert [row["party"] for row in after] == [expected("张三", other), "某公司"]


def test_records_of_json_and_many_rows(make: Any) -> None:
    count = 40_000
    records = [{"no": str(n), "kind": KINDS[n % 3] if n % 7 else None, "party": f"名{n % 1000}"} for n in range(count)]
    payload = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    table = make.table(
        make.column("no", primary_key=1, path="$.no"),
        make.column("kind", allowed=KINDS, path="$.kind"),
        make.column("party", deidentify=only(), path="$.party"),
    )
    rows = rows_of(make, table, payload, format=JsonFormat(type="ndjson"))
    assert len(rows) == count
    for row in rows:
        record = records[int(row["no"])]
        kept = record["kind"] in (COMPANY, SHOP)
        assert row["party"] == (record["party"] if kept else expected(str(record["party"])))


def test_small_deliveries_together_give_what_each_gives_alone(make: Any, tmp_path: Path) -> None:
    contract = make.contract(decisions(make))
    texts = [
        f"no,kind,party,person\n1,{PERSON},张三,\n2,{COMPANY},某公司,\n",
        f"no,kind,party,person\n1,{SHOP},张三,\n",
        "no,kind,party,person\n1,,张三,李四\n",
    ]
    payloads = []
    for number, text in enumerate(texts):
        path = tmp_path / f"small{number}"
        path.write_text(text, encoding="utf-8")
        payloads.append(make.payload(path, scratch=tmp_path / f"together{number}"))
    together = conform_small(contract, payloads, keys=make.keys, settings=make.settings)
    for text, found in zip(texts, together, strict=True):
        alone = make.conform(contract, text.encode())
        assert not isinstance(found, Exception)
        assert found.row_hash == alone.row_hash
        assert make.rows(found.tables["t"].bronze) == make.rows(alone.tables["t"].bronze)


def test_a_bulk_delivery_is_divided_with_its_pseudonyms(make: Any, tmp_path: Path) -> None:
    table = decisions(make)
    table = replace(table, columns=(*table.columns, make.column("day", "DATE")), event_time="day")
    contract = make.contract(table, delivery="interval", correction="full")
    path = tmp_path / "bulk.csv"
    path.write_text(
        f"no,kind,party,person,day\n1,{COMPANY},某公司,,2026-03-03\n2,{PERSON},张三,,2026-03-02\n", encoding="utf-8"
    )
    span = Interval(datetime(2026, 3, 1, 16, tzinfo=UTC), datetime(2026, 3, 3, 16, tzinfo=UTC))
    payload = make.payload(path, split=split_of(contract, span, "0" * 64), scratch=tmp_path / "bulk")
    parts = conform(contract, payload, keys=make.keys, settings=make.settings).tables["t"].parts
    found = {number: [row["party"] for row in make.rows(part.path)] for number, part in parts.items()}
    assert found == {0: [expected("张三")], 1: ["某公司"]}


@pytest.fixture(params=[None, 3])
def per_segment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int | None:
    """The most records of a segment, where they are few."""
    if request.param:
        monkeypatch.setattr(block_limits, "MAX_RECORDS", request.param)
    return request.param  # type: ignore[no-any-return]


@settings(max_examples=a_part(0.5), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(
            st.one_of(
                st.sampled_from([*KINDS, "", "无", "公民", f" {COMPANY} ", "法人"]), st.text("自然人法 ,", max_size=4)
            ),
            st.integers(0, 5),
        ),
        max_size=30,
    ),
    personal=st.sets(st.sampled_from(KINDS), min_size=1, max_size=2),
)  # fmt: skip
def test_no_value_is_kept_where_the_condition_holds(
    make: Maker, per_segment: int | None, rows: list[tuple[str, int]], personal: set[str]
) -> None:
    table = make.table(
        make.column("no", "INTEGER", primary_key=1),
        make.column("kind", allowed=KINDS, missing=["无"]),
        make.column("party", deidentify=only("pseudonym", *sorted(personal))),
    )
    quoted = (f'{n},"{kind}",某人{who}号' for n, (kind, who) in enumerate(rows))
    payload = ("no,kind,party\n" + "".join(f"{line}\n" for line in quoted)).encode()
    found = make.conform(make.contract(table, empty="no_data"), payload).tables["t"]
    assert found.received == len(rows)
    for row in make.rows(found.bronze):
        sent = f"某人{rows[row['no']][1]}号"
        if row["kind"] is None or row["kind"] in personal:
            assert row["party"] == expected(sent)
        else:
            assert row["party"] == sent
    data = found.bronze.read_bytes() if found.bronze else b""
    named = {f"某人{who}号" for kind, who in rows if kind.strip() in set(KINDS) - personal}
    assert not {name for name in (f"某人{who}号" for who in range(6)) if name.encode() in data} - named
