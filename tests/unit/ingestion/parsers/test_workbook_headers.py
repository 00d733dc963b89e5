"""Workbooks of one feed under several headings, told by their names; headings among the rows."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ingestion.contract.extension import HeaderVariant, VariantColumn, XlsxFormat
from ingestion.errors import DeliveryRefused
from tests.support.workbooks import book, cells

REGISTRATION, ORGANISATION = "442000000012345", "123456788"
NEW = ("文书号", "代码_2(工商注册号)", "代码_3(组织机构代码)", "许可编号", "决定日期", "有效期")
OLD = ("文书号", "代码_2(组织机构代码)", "代码_3(工商登记码)", "决定日期", "地方编码")
LAYOUT_2016 = HeaderVariant(
    id="layout_2016",
    columns={
        "registration_no": VariantColumn(source="代码_3(工商登记码)"),
        "organisation_code": VariantColumn(source="代码_2(组织机构代码)"),
        "permit_no": VariantColumn(absent=True),
        "decided": VariantColumn(format="%Y/%m/%d"),
        "valid_to": VariantColumn(absent=True),
    },
    ignored=["地方编码", "备注"],
)


@pytest.fixture
def permits(make: Any) -> Any:
    """Makes a contract of permits: the heading of 2018 is its own, that of 2016 a variant."""

    def made(*variants: HeaderVariant, spec: Any = None, **facts: Any) -> Any:
        table = make.table(
            make.column("doc_no", source="文书号", primary_key=1),
            make.column("registration_no", source=NEW[1], pattern="^[0-9]{15}$"),
            make.column("organisation_code", source=NEW[2], pattern="^[0-9A-Z]{8}-?[0-9X]$"),
            make.column("permit_no", source="许可编号"),
            make.column("decided", "DATE", source="决定日期"),
            make.column("valid_to", "DATE", source="有效期", format="excel_serial"),
            header_variants=variants or (LAYOUT_2016,),
            **facts,
        )
        return make.contract(table, format=XlsxFormat.model_validate(spec or {}), max_refused_share=0.05)

    return made


def test_each_heading_is_read_by_its_own_names_and_formats(make: Any, permits: Any) -> None:
    new = book(cells(NEW, ("a", REGISTRATION, ORGANISATION, "p1", "2026-03-01", 46082)))
    old = book(cells(OLD[::-1], ("442000", "2016/05/31", REGISTRATION, ORGANISATION, "b")))
    (row,) = make.rows(make.conform(permits(), new).tables["t"].bronze)
    assert row == {
        "doc_no": "a", "registration_no": REGISTRATION, "organisation_code": ORGANISATION, "permit_no": "p1",
        "decided": date(2026, 3, 1), "valid_to": date(2026, 3, 1),
    }  # fmt: skip
    (row,) = make.rows(make.conform(permits(), old).tables["t"].bronze)
    assert row == {
        "doc_no": "b", "registration_no": REGISTRATION, "organisation_code": ORGANISATION, "permit_no": None,
        "decided": date(2016, 5, 31), "valid_to": None,
    }  # fmt: skip


def test_the_heading_of_2016_over_data_of_2018_is_refused(make: Any, permits: Any) -> None:
    """The identifiers of the two layouts are swapped, so that every row breaks the patterns of two columns."""
    rows = [(f"d{n}", REGISTRATION, ORGANISATION, "2026/03/01", None) for n in range(10)]
    caught = make.refusal(permits(), book(cells(OLD, *rows)))
    assert caught.rule == "refused_share"
    assert caught.message == (
        "10 of 10 rows of t are refused (100.0%, limit 5.0%): organisation_code.pattern 10, "
        "registration_no.pattern 10; its columns were found by their names in the header, which is the variant "
        "'layout_2016'"
    )
    assert caught.conformed is not None
    quarantined = make.rows(caught.conformed.tables["t"].quarantine)
    assert len(quarantined) == 10
    assert f"registration_no={ORGANISATION}; organisation_code={REGISTRATION}" in quarantined[0]["detail"]


def test_the_heading_of_2018_over_data_of_2016_is_refused(make: Any, permits: Any) -> None:
    caught = make.refusal(permits(), book(cells(NEW, ("a", ORGANISATION, REGISTRATION, None, "2016-05-31", None))))
    assert "which is the contract's own" in caught.message


@pytest.mark.parametrize(
    ("heading", "message"),
    [
        (NEW[:-1], "the header of sheet 'S1' (row 1) does not fit the contract: missing '有效期'"),
        ((*NEW, "备注"), "does not fit the contract: not in the contract '备注'"),
        (OLD[1:], "its nearest declared header, the variant 'layout_2016': missing '文书号'"),
        (("文书号", NEW[1], *OLD[2:]), "'layout_2016': missing '代码_2(组织机构代码)'; not in the contract"),
        ((*OLD, OLD[1]), "the variant 'layout_2016': more than once '代码_2(组织机构代码)'"),
    ],
)  # fmt: skip
def test_what_fits_no_declared_heading_is_never_guessed(make: Any, permits: Any, heading: Any, message: str) -> None:
    caught = make.refusal(permits(), book(cells(heading, tuple("abcdefg"))))
    assert caught.rule == "header"
    assert message in caught.message


def test_an_ignored_column_may_be_missing_and_a_variant_ends(make: Any, permits: Any) -> None:
    sheet = book(cells(OLD[:4], ("b", ORGANISATION, REGISTRATION, "2016/05/31")))
    assert make.conform(permits(), sheet).tables["t"].accepted == 1
    caught = make.refusal(permits(LAYOUT_2016.model_copy(update={"valid_until": date(2018, 12, 31)})), sheet)
    assert caught.rule == "header"
    assert caught.message == (
        "the header of sheet 'S1' (row 1) is the variant 'layout_2016', which is accepted for content up to "
        "2018-12-31; this is of 2026-03-03"
    )


def test_title_rows_and_merged_headings_above(make: Any, permits: Any) -> None:
    """A title over the whole width, then a heading of two rows, one of whose words covers both identifiers."""
    old = LAYOUT_2016.model_copy(
        update={
            "columns": LAYOUT_2016.columns
            | {
                "registration_no": VariantColumn(source="代码/工商登记码"),
                "organisation_code": VariantColumn(source="代码/组织机构代码"),
            }
        }
    )
    sheet = cells(
        ("行政许可信息表", None, None, None, None),
        ("文书号", "代码", None, "决定日期", "备注"),
        (None, "组织机构代码", "工商登记码", None, None),
        ("b", ORGANISATION, REGISTRATION, "2016/05/31", "x"),
    )
    merged = '<mergeCells><mergeCell ref="A1:E1"/><mergeCell ref="B2:C2"/><mergeCell ref="A2:A3"/></mergeCells>'
    contract = permits(old, spec={"header_row": 2, "header_rows": 2})
    (row,) = make.rows(make.conform(contract, book(sheet, after=merged)).tables["t"].bronze)
    assert (row["registration_no"], row["organisation_code"]) == (REGISTRATION, ORGANISATION)


def test_days_counted_from_another_year_are_no_fault_of_a_heading_without_them(make: Any, permits: Any) -> None:
    """The column read as days from 1900 is absent in the layout of 2016."""
    of_1904 = {"properties": '<workbookPr date1904="1"/>'}
    old = book(cells(OLD, ("b", ORGANISATION, REGISTRATION, "2016/05/31", None)), **of_1904)
    assert make.conform(permits(), old).tables["t"].accepted == 1
    new = book(cells(NEW, ("a", REGISTRATION, ORGANISATION, None, None, 44620)), **of_1904)
    with pytest.raises(DeliveryRefused, match="the workbook counts days from 1904, but the contract reads valid_to as"):
        make.conform(permits(), new)


def test_headings_among_the_rows_are_counted_and_kept(make: Any) -> None:
    """Sheets put together from several, each with its heading, one of them in other words."""
    table = make.table(
        make.column("number", source="编号", primary_key=1),
        make.column("fine", "DECIMAL(18,6)", source="罚款金额"),
        repeated_headers=({}, {"number": "决定书编号"}),
    )
    sheet = cells(
        ("编号", "罚款金额"), ("a", 1.5), ("编号", "罚款金额"), ("b", "编号"), ("决定书编号", "金额"), ("c", 2)
    )
    found = make.conform(make.contract(table, format=XlsxFormat()), book(sheet)).tables["t"]
    assert (found.received, found.accepted) == (5, 2)
    assert found.rules == {"fine.type": 1, "repeated_header": 2}
    assert make.refused(found.quarantine) == [(2, ["repeated_header"]), (3, ["fine.type"]), (4, ["repeated_header"])]


def test_small_workbooks_together_give_what_each_gives_alone(make: Any, permits: Any, tmp_path: Any) -> None:
    from ingestion.conform.run import conform_small

    sheets = [
        book(cells(NEW, ("a", REGISTRATION, ORGANISATION, "p1", "2026-03-01", 46082))),
        book(cells(OLD, ("b", ORGANISATION, REGISTRATION, "2016/05/31", None))),
        book(cells(OLD, ("c", REGISTRATION, ORGANISATION, "2016/05/31", None))),
    ]
    payloads = []
    for number, sheet in enumerate(sheets):
        path = tmp_path / f"book{number}"
        path.write_bytes(sheet)
        payloads.append(make.payload(path, scratch=tmp_path / f"s{number}"))
    new, old, refused = conform_small(permits(), payloads, keys=make.keys, settings=make.settings)
    assert not isinstance(new, Exception) and not isinstance(old, Exception)
    (row,) = make.rows(old.tables["t"].bronze)
    assert (row["doc_no"], row["registration_no"]) == ("b", REGISTRATION)
    assert new.tables["t"].accepted == 1
    assert isinstance(refused, DeliveryRefused) and "'layout_2016'" in refused.message
