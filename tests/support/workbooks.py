"""Workbooks made part by part (ECMA-376), so that each test holds exactly what it says."""

from __future__ import annotations

import io
import zipfile
from typing import Any
from xml.sax.saxutils import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
DOC = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def cells(*rows: Any, first: int = 1) -> str:
    """Rows of cells: numbers as numbers, text inline, None left out, `<…>` as it is."""
    made = []
    for number, row in enumerate(rows, start=first):
        parts = []
        for letter, value in zip("ABCDEFGH", row, strict=False):
            ref = f"{letter}{number}"
            if isinstance(value, str) and value.startswith("<c"):
                parts.append(value.replace("<c", f'<c r="{ref}"', 1))
            elif isinstance(value, str):
                text = f'<is><t xml:space="preserve">{escape(value)}</t></is>'
                parts.append(f'<c r="{ref}" t="inlineStr">{text}</c>')
            elif value is not None:
                parts.append(f'<c r="{ref}"><v>{value}</v></c>')
        made.append(f'<row r="{number}">{"".join(parts)}</row>')
    return "".join(made)


def book(sheet: str, **facts: Any) -> bytes:
    """A workbook; `sheets` maps further sheet names to states, `parts` adds or replaces parts."""
    sheets = {"S1": "visible", **facts.get("sheets", {})}
    listed = "".join(
        f'<sheet name="{name}" sheetId="{n}" state="{state}" r:id="rId{n}"/>'
        for n, (name, state) in enumerate(sheets.items(), start=1)
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{DOC}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in range(1, len(sheets) + 1)
    )
    types = "".join(
        f'<Override PartName="/xl/{name}.xml" ContentType="{TYPES}.{kind}+xml"/>'
        for name, kind in (
            ("workbook", "sheet.main"), ("sharedStrings", "sharedStrings"), ("styles", "styles"),
            *((f"worksheets/sheet{n}", "worksheet") for n in range(1, len(sheets) + 1)),
        )
    )  # fmt: skip
    before, after = facts.get("before", ""), facts.get("after", "")
    worksheet = f'<worksheet xmlns="{MAIN}">{before}<sheetData>{sheet}</sheetData>{after}</worksheet>'
    styles = facts.get("styles", '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>')
    parts: dict[str, str | bytes | None] = {
        "[Content_Types].xml": f'<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{types}</Types>',
        "_rels/.rels": f'<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="r" '
        f'Type="{DOC}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{DOC}">{facts.get("properties", "")}'
        f"<sheets>{listed}</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{PACKAGE}/relationships">{links}'
        f'<Relationship Id="s" Type="{DOC}/sharedStrings" Target="sharedStrings.xml"/>'
        f'<Relationship Id="t" Type="{DOC}/styles" Target="styles.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{facts.get("shared", "")}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>',
        **{f"xl/worksheets/sheet{n}.xml": worksheet for n in range(1, len(sheets) + 1)},
        **facts.get("parts", {}),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, text in parts.items():
            if text is not None:
                made.writestr(name, text)
    return buffer.getvalue()
