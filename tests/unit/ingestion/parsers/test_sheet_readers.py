"""The two readers of a worksheet give the same cells; and no damage to a workbook is anything but a refusal."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.contract.load import load_contract
from ingestion.errors import DeliveryRefused
from ingestion.machine.extensions import load
from ingestion.parsers.payload import open_payload
from ingestion.parsers.sheet_cells import Cells, NotPlain, column_letters
from ingestion.parsers.sheet_exact import SheetXml
from ingestion.parsers.sheet_plain import plain_cells
from ingestion.settings import Settings
from ingestion.sql import identifier, literal
from tests.support.examples import a_part
from tests.support.lakes import contract
from tests.support.needs import public_file
from tests.support.workbooks import MAIN, book, cells

FEED = contract(format={"type": "xlsx"})
HEAD, TAIL = f'<worksheet xmlns="{MAIN}"><sheetData>', "</sheetData></worksheet>"


def pieces(text: bytes, size: int) -> Iterator[bytes]:
    return (text[at : at + size] for at in range(0, len(text), size))


def facts(runs: list[Cells]) -> list[tuple[Any, ...]]:
    names = ("row", "column", "kind", "style", "valued", "formula", "fault")
    return [
        fact
        for run in runs
        for fact in zip(*(getattr(run, name).tolist() for name in names), run.texts().to_pylist(), strict=True)
    ]


def exact(text: bytes, size: int) -> list[tuple[Any, ...]]:
    xml = SheetXml("sheet.xml", "S1")
    runs: list[Cells] = []
    for piece in pieces(text, size):
        xml.feed(piece)
        runs += xml.cells()
    xml.close()
    return facts([*runs, *xml.cells(rest=True)])


def plain(text: bytes, size: int) -> list[tuple[Any, ...]]:
    xml = SheetXml("sheet.xml", "S1")
    found = facts(list(plain_cells(pieces(text, size), "S1", xml.feed)))
    xml.close()
    return found


LETTERS = st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="<>&{}\ufffe\uffff")
WORDS = st.text(LETTERS, max_size=9)
VALUES = st.one_of(
    st.just('<c r="{}"/>'), st.just('<c r="{}" s="3" />'), st.just('<c r="{}" t="s"></c>'),
    st.integers(0, 10**12).map(lambda n: f'<c r="{{}}" s="12"><v>{n}</v></c>'),
    st.integers(0, 99).map(lambda n: f'<c r="{{}}" t="s" s="1"><v>{n}</v></c>'),
    WORDS.map(lambda w: f'<c r="{{}}" t="inlineStr"><is><t>{w}&amp;</t></is></c>'),
    WORDS.map(lambda w: f'<c r="{{}}" t="str"><f>A1</f><v>{w}</v></c>'),
    st.just('<c r="{}"><f t="shared" si="0"/><v/></c>'), st.just('<c r="{}"><f>1&lt;2</f></c>'),
    st.just('<c r="{}"><v /></c>'),
)  # fmt: skip
ODD = st.sampled_from(
    ["<!-- c -->", '<c r="{}"><v>1</v><v>2</v></c>', "<c r='{}'><v>1</v></c>", '<c r="{}" cm="1"><v>1</v></c>',
     '<c r="{}" t="zz"><v>1</v></c>', '<c r="{}"><v>1</v> </c>', '<c  r="{}"/>', '<c r="{}"><v>a&gt;b</v><extLst/></c>',
     '<c r="{}"\n><v>1</v></c>', '<c r="{}" t="inlineStr"><is><r><t>x</t></r><rPh><t>y</t></rPh></is></c>']
)  # fmt: skip


@st.composite
def sheets(draw: st.DrawFn, cell: st.SearchStrategy[str]) -> bytes:
    rows, number = [], 0
    for _ in range(draw(st.integers(1, 5))):
        number += draw(st.integers(1, 1000))
        columns = sorted(draw(st.sets(st.integers(0, 800), max_size=5)))
        made = "".join(draw(cell).replace("{}", f"{column_letters(column)}{number}") for column in columns)
        spans = draw(st.sampled_from(["", ' spans="1:5"', ' ht="15" customHeight="1"']))
        rows.append(f'<row r="{number}"{spans}>{made}</row>' if made else f'<row r="{number}"{spans}/>')
    return (HEAD + "".join(rows) + TAIL).encode()


@settings(max_examples=a_part(0.4))
@given(sheets(VALUES), st.integers(1, 400))
def test_a_plain_sheet_is_read_alike_at_every_size_of_piece(text: bytes, size: int) -> None:
    assert plain(text, size) == exact(text, len(text)) == exact(text, size)


@given(sheets(st.one_of(VALUES, ODD)), st.integers(1, 400))
def test_what_the_fast_reader_does_not_leave_it_reads_alike(text: bytes, size: int) -> None:
    try:
        found = plain(text, size)
    except NotPlain:
        return
    assert found == exact(text, len(text))


def test_every_byte_of_a_sheet_changed_is_read_alike_or_refused_alike() -> None:
    """Whatever is done to a plain sheet, the fast reader leaves it or gives what the exact one gives."""
    rows = cells(("a", 12.5, '<c t="s"><v>3</v></c>'), ('<c t="str"><f>B1</f><v>x</v></c>', "<c/>"))
    text, rng = bytearray((HEAD + rows + TAIL).encode()), random.Random(7)
    for at in range(len(text)):
        changed = bytearray(text)
        changed[at] = rng.choice(b"<>/\"= '&a1rstcv?!\x00\xff")
        try:
            fast = plain(bytes(changed), 10_000)
        except (NotPlain, DeliveryRefused):
            continue
        assert fast == exact(bytes(changed), 10_000), bytes(changed[max(0, at - 30) : at + 30])


def read(path: Path, home: Path) -> int:
    """Records of a workbook; raises DeliveryRefused or it is a defect."""
    (source,) = open_payload(FEED, path, Settings(home=home), date(2026, 3, 2)).sources
    return sum(len(segment.block) for segment in source.segments())


def test_every_part_of_a_workbook_damaged_is_a_refusal(tmp_path: Path) -> None:
    """Each part's bytes changed here and there, packed anew: rows, refused rows or a refusal, and nothing else."""
    sheet = cells(
        ("id", "seen", "value"), ("k", "2026-03-02", 1), ('<c t="s"><v>0</v></c>', '<c s="1"><v>46000</v></c>', 2)
    )
    whole = tmp_path / "whole.xlsx"
    whole.write_bytes(book(sheet, shared="<si><t>w</t></si>"))
    with zipfile.ZipFile(whole) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    rng, outcomes = random.Random(11), {"read": 0, "refused": 0}
    for name, data in parts.items():
        for _ in range(20):
            changed = bytearray(data)
            for _ in range(rng.randint(1, 3)):
                at = rng.randrange(len(changed))
                changed[at : at + rng.randint(0, 2)] = bytes(
                    rng.choices(b'<>/"= &a1rstcv9-\x00\xe4', k=rng.randint(0, 2))
                )
            path = tmp_path / "damaged.xlsx"
            with zipfile.ZipFile(path, "w") as archive:
                for other, bytes_ in parts.items():
                    archive.writestr(other, bytes(changed) if other == name else bytes_)
            try:
                read(path, tmp_path)
                outcomes["read"] += 1
            except DeliveryRefused as refusal:
                assert refusal.next_step
                outcomes["refused"] += 1
    assert min(outcomes.values()) > 10


def test_every_byte_of_a_packed_workbook_changed_is_a_refusal(tmp_path: Path) -> None:
    data = book(cells(("id", "seen", "value"), ("k", "2026-03-02", 1)))
    path, rng = tmp_path / "damaged.xlsx", random.Random(3)
    for at in range(0, len(data), 15):
        path.write_bytes(data[:at] + bytes([data[at] ^ rng.choice((1, 8, 128, 255))]) + data[at + 1 :])
        try:
            read(path, tmp_path)
        except DeliveryRefused as refusal:
            assert refusal.next_step


@pytest.mark.parametrize("stamp", ["3.31", "6.30", "7.31"])
def test_real_workbooks_against_an_independent_reader(stamp: str, tmp_path: Path) -> None:
    """Every cell of the permits as DuckDB's excel extension reads it, but for the one it takes for a number."""
    path = public_file(f"food_safety/takamatsu_food_permits/食品営業許可施設一覧（2026.{stamp}時点）.xlsx")
    feed = load_contract(Path("tests/acceptance/contracts/takamatsu/food_permit.yaml"))
    (source,) = open_payload(feed, path, Settings(home=tmp_path), date(2026, 3, 2)).sources
    segments = list(source.segments())
    names = [column.source for column in source.table.source_columns]
    ours = [row for s in segments for row in zip(*(column.to_pylist() for column in s.columns.columns), strict=True)]
    with duckdb.connect() as connection:
        load(connection, "excel")
        relation = f"read_xlsx({literal(path)}, all_varchar = true, header = true, stop_at_empty = false)"
        connection.execute(f"create table sheet as from {relation}")
        columns = ", ".join(f"nullif({identifier(str(name))}, '')" for name in names)
        theirs = connection.execute(f"select {columns} from sheet where 許可番号 is not null").fetchall()
    refused = {json_row(s.block.text_of(int(at))) for s in segments for _, rows in s.refused for at in rows}
    theirs = [row for number, row in enumerate(theirs, start=2) if number not in refused]
    apart = [(a, b) for a, b in zip(map(stripped, ours), map(stripped, theirs), strict=True) if a != b]
    assert len(ours) > 7_000
    if stamp == "6.30":  # 9月9日, a name that Excel took for a day
        ((mine, other),) = apart
        assert [(x, y) for x, y in zip(mine, other, strict=True) if x != y] == [("2026-09-09", "46274")]
    else:
        assert apart == []


def stripped(row: tuple[str | None, ...]) -> list[str | None]:
    """Cells without blanks around; a blank one is none."""
    return [(cell or "").strip() or None for cell in row]


def json_row(text: bytes) -> int:
    """The number of a row in its sheet."""
    return int(text.split(b":", 1)[1].split(b",", 1)[0])


def test_long_shared_text_is_looked_up_a_few_rows_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One long text that a hundred thousand cells name must not be there as often at once."""
    monkeypatch.setattr("ingestion.parsers.sheet_shape._FEWEST", 4)
    monkeypatch.setattr("ingestion.parsers.sheet_shape._TEXT_BYTES", 1)
    monkeypatch.setattr("ingestion.parsers.xlsx._CELLS", 1)
    rows = [(f"k{n}", "2026-03-02", '<c t="s"><v>0</v></c>') for n in range(40)]
    path = tmp_path / "long.xlsx"
    path.write_bytes(book(cells(("id", "seen", "value"), *rows), shared="<si><t>7</t></si>"))
    (source,) = open_payload(FEED, path, Settings(home=tmp_path), date(2026, 3, 2)).sources
    segments = list(source.segments())
    assert max(len(segment.block) for segment in segments) == 1
    assert [name for s in segments for name in s.columns["id"].to_pylist()] == [f"k{n}" for n in range(40)]
