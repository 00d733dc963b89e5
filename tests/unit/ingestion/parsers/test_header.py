"""One data set under several headers, and headers among the records."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ingestion.contract.extension import CsvFormat, HeaderVariant, VariantColumn, ZipFormat
from ingestion.errors import DeliveryRefused

OLD = HeaderVariant(
    id="portal",
    valid_until=date(2026, 3, 31),
    columns={
        "id": VariantColumn(source="Unique Key"),
        "opened": VariantColumn(source="Created Date", format="%m/%d/%Y"),
        "channel": VariantColumn(absent=True),
    },
    ignored=["School Name"],
)


@pytest.fixture
def requests(make: Any) -> Any:
    columns = (
        make.column("id", primary_key=1),
        make.column("opened", "DATE"),
        make.column("phone", deidentify=make.deidentify("mask", keep_last=2)),
        make.column("channel"),
    )
    return lambda *variants: make.table(*columns, event_time="opened", header_variants=variants)


def refusal(make: Any, table: Any, payload: bytes) -> DeliveryRefused:
    with pytest.raises(DeliveryRefused) as caught:
        make.conform(make.contract(table), payload)
    assert caught.value.rule == "header"
    return caught.value


def test_each_header_is_read_by_its_own_names_and_formats(make: Any, requests: Any) -> None:
    contract = make.contract(requests(OLD))
    new = make.conform(contract, b"channel,phone,opened,id\nWEB,12345,2026-03-01,a\n").tables["t"]
    old = make.conform(contract, b"School Name,Unique Key,phone,Created Date\nX,b,12345,03/02/2026\n,c,,2026-03-02\n")
    found = old.tables["t"]
    assert make.rows(new.bronze) == [{"id": "a", "opened": date(2026, 3, 1), "phone": "***45", "channel": "WEB"}]
    assert make.rows(found.bronze) == [{"id": "b", "opened": date(2026, 3, 2), "phone": "***45", "channel": None}]
    assert make.refused(found.quarantine) == [(2, ["opened.type"])]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"id,opened,phone", "does not fit the contract: missing 'channel'"),
        (b"id,opened,phone,channel,x", "does not fit the contract: not in the contract 'x'"),
        (
            b"Unique Key,Created Date,School Name,fone",
            "its nearest declared header, the variant 'portal': missing 'phone'; not in the contract 'fone'",
        ),
        (b"Unique Key,phone", "the variant 'portal': missing 'Created Date'"),
        (b"Unique Key,opened,phone,School Name", "the variant 'portal': missing 'Created Date'; not in the contract"),
    ],
)  # fmt: skip
def test_what_fits_no_declared_header_is_never_guessed(make: Any, requests: Any, header: bytes, message: str) -> None:
    caught = refusal(make, requests(OLD), header + b"\na,b,c,d\n")
    assert message in caught.message


OTHER_NAME = HeaderVariant(id="other", columns={"id": VariantColumn(source="号码")})


@pytest.mark.parametrize("variants", [(), (OTHER_NAME,)])
def test_names_that_a_wrong_encoding_spoiled_are_no_other_names(make: Any, variants: tuple[HeaderVariant, ...]) -> None:
    """UTF-8 in place of GB18030 decodes to other characters, most of the time; the names are not what is wrong."""
    columns = (make.column("id", primary_key=1, source="编号"), make.column("town", source="镇街名称"))
    contract = make.contract(make.table(*columns, header_variants=variants), format=CsvFormat(encoding="gb18030"))
    right = "编号,镇街名称\n1,石岐街道\n"
    with pytest.raises(DeliveryRefused, match="declared gb18030, but every character outside ASCII is") as caught:
        make.conform(contract, right.encode("utf-8"))
    assert caught.value.rule == "encoding"
    assert make.conform(contract, right.encode("gb18030")).tables["t"].accepted == 1
    with pytest.raises(DeliveryRefused) as other:
        make.conform(contract, right.replace("镇街名称", "所在镇街").encode("gb18030"))
    assert other.value.rule == "header"


def test_a_variant_ends(make: Any, requests: Any) -> None:
    ended = OLD.model_copy(update={"valid_until": date(2026, 3, 2)})
    caught = refusal(make, requests(ended), b"School Name,Unique Key,phone,Created Date\nX,b,1,03/02/2026\n")
    assert caught.message == (
        "the header of the file is the variant 'portal', which is accepted for content up to 2026-03-02; "
        "this is of 2026-03-03"
    )


def test_variants_of_a_member(make: Any, requests: Any) -> None:
    import io
    import zipfile
    from dataclasses import replace

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("t.csv", "School Name,Unique Key,phone,Created Date\nX,b,1,03/02/2026\n")
    contract = make.contract(replace(requests(OLD), source="t.csv"), format=ZipFormat(member=CsvFormat()))
    assert make.conform(contract, buffer.getvalue()).tables["t"].accepted == 1


def test_an_ignored_name_may_be_missing(make: Any, requests: Any) -> None:
    found = make.conform(make.contract(requests(OLD)), b"Unique Key,phone,Created Date\nb,1,03/02/2026\n")
    assert found.tables["t"].accepted == 1


def test_an_empty_file_is_empty(make: Any, requests: Any) -> None:
    with pytest.raises(DeliveryRefused, match="the file is empty"):
        make.conform(make.contract(requests(OLD)), b"")


def test_headers_among_the_records_are_counted_and_kept(make: Any) -> None:
    table = make.table(
        make.column("kind", source="Type", required=True),
        make.column("number", primary_key=1),
        make.column("year", "INTEGER"),
        repeated_headers=({}, {"kind": "Type Description", "number": "Number"}),
    )
    payload = (
        b'Type,number,year\nBar,1,2020\nType Description,"Number",2021\nType,number,year\nType,2,2021\n'
        b" Type Description ,Number,\nType,number,2021\nq\n"
    )
    found = make.conform(make.contract(table), payload).tables["t"]
    assert (found.received, found.accepted, found.quarantined) == (7, 3, 4)
    assert found.rules == {"ragged": 1, "repeated_header": 3}
    assert make.refused(found.quarantine) == [
        (2, ["repeated_header"]), (3, ["repeated_header"]), (5, ["repeated_header"]), (7, ["ragged"]),
    ]  # fmt: skip
    texts = {row["record"]: row["original_text"] for row in make.rows(found.quarantine)}
    assert texts[2] == 'Type Description,"Number",2021'
    assert [row["number"] for row in make.rows(found.bronze)] == ["1", "2", "number"]


def test_a_header_among_the_records_may_bring_a_byte_order_mark(make: Any) -> None:
    table = make.table(make.column("a"), make.column("b"), repeated_headers=({},))
    found = make.conform(make.contract(table), "\ufeffa,b\nx,1\n\ufeffa,b\ny,2\n".encode()).tables["t"]
    assert make.refused(found.quarantine) == [(2, ["repeated_header"])]
