"""Check the first bytes of a payload before parsing: refuse empty files, binary formats, UTF-16 and HTML pages."""

from __future__ import annotations

import codecs
import re

from ingestion.errors import DeliveryRefused
from ingestion.parsers.encoding import WIDE_BOMS

PROBE_BYTES = 64 * 2**10

_MAGIC = {
    b"PK\x03\x04": ("a ZIP archive (or an XLSX workbook)", "container"),
    b"PK\x05\x06": ("an empty ZIP archive", "container"),
    b"\x1f\x8b": ("a gzip file", "container"),
    b"\xd0\xcf\x11\xe0": ("an old Office file (XLS)", "container"),
    b"%PDF": ("a PDF document", "container"),
    b"PAR1": ("a Parquet file", "container"),
    b"SQLite format 3\x00": ("an SQLite file", "container"),
}
_HTML = re.compile(rb"\A\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title>", re.I | re.S)


def check_text(head: bytes, name: str) -> int:
    """Refuse a payload that cannot be text; returns the length in bytes of a UTF-8 byte order mark.

    `head` is the first `PROBE_BYTES`, or the whole payload. Raises DeliveryRefused: `empty`, `encoding` (UTF-16 and
    UTF-32), `container`, `html_page`. Of a longer payload the reader has to check itself that it is not empty.
    """
    if len(head) < PROBE_BYTES and not head.removeprefix(codecs.BOM_UTF8).strip():
        raise empty(name)
    for mark, encoding in WIDE_BOMS.items():
        if head.startswith(mark):
            raise DeliveryRefused(
                f"{name} begins with the byte order mark of {encoding}, which no contract declares",
                rule="encoding",
                next_step="ask the department to export UTF-8, GB18030 or Windows-1252",
            )
    for magic, (what, rule) in _MAGIC.items():
        if head.startswith(magic):
            raise DeliveryRefused(
                f"{name} is {what}, where the contract declares text",
                rule=rule,
                next_step="correct `format` in the contract, or ask the department for the declared format",
            )
    bom = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    if _HTML.match(head[bom:]):
        found = _TITLE.search(head)
        title = " ".join(found[1].decode("utf-8", "replace").split())[:80] if found else "no title"
        raise DeliveryRefused(
            f"{name} is an HTML page ({title}), not data: most likely a login or error page",
            rule="html_page",
            next_step="open the source in a browser; then ingest the interval again",
        )
    return bom


def empty(name: str) -> DeliveryRefused:
    """The refusal of a payload that contains nothing but blanks (rule `empty`)."""
    return DeliveryRefused(f"{name} is empty", rule="empty", next_step="ask the department to send it again")
