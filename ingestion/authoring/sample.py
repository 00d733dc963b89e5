"""Read a sample file: detect format, encoding and records path, and give its beginning as UTF-8 text.

At most SAMPLE_BYTES of a file and MEMBER_BYTES of a ZIP member are read, cut after the last complete line, and JSON
documents up to MAX_DOCUMENT_BYTES. `profile` examines the columns.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import charset_normalizer

from ingestion.authoring.xml_sample import read_xml
from ingestion.errors import ContractError, DeliveryRefused
from ingestion.parsers.archive import Archive
from ingestion.settings import Settings

SAMPLE_BYTES = 8 * 2**20
MEMBER_BYTES = 2 * 2**20
MAX_DOCUMENT_BYTES = 64 * 2**20
MAX_MEMBERS = 60
_PAIRED = 0.9
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_ALIKE, _LONG = 5, 20
_TYPES = "[content_types].xml"
_DELIMITED = (".csv", ".txt", ".tsv", ".tab")

Kind = Literal["csv", "zip", "ndjson", "json", "xlsx", "xml", "parquet"]


@dataclass(frozen=True)
class Encoded:
    """The beginning of a text file. `reason`: why this encoding; `whole`: the file was read completely."""

    text: str
    encoding: str
    reason: str
    whole: bool
    certain: bool = True


@dataclass(frozen=True)
class Sample:
    """A sample file: one text, or one per ZIP member; what was left out and why.

    `serials` maps names whose cells a workbook holds as dates to the format that reads them.
    """

    kind: Kind
    texts: dict[str, Encoded]
    records: str = "$"
    left_out: dict[str, str] = field(default_factory=dict)
    header_row: int = 1
    namespaces: dict[str, str] = field(default_factory=dict)
    serials: dict[str, str] = field(default_factory=dict)

    @property
    def first(self) -> Encoded:
        """The text that stands for the file's encoding."""
        return next(iter(self.texts.values()))


def read_sample(path: Path) -> Sample:
    """Raises ContractError where the file is empty, unreadable, or of a format no parser takes."""
    try:
        with path.open("rb") as file:
            head = file.read(SAMPLE_BYTES + 1)
    except OSError as error:
        raise _refusal(path, f"cannot be read: {error.strerror}") from error
    if not head.strip():
        raise _refusal(path, "is empty")
    if head.startswith(b"PK\x03\x04"):
        return _zip(path)
    if head.startswith((b"\x1f\x8b", b"\xd0\xcf\x11\xe0", b"%PDF", b"\xff\xfe", b"\xfe\xff")):
        raise _refusal(path, "is compressed, binary or UTF-16; formats: CSV/TSV, ZIP of CSV, NDJSON, JSON, XML")
    encoded = _encoded(head)
    start = encoded.text.lstrip()[:200].casefold()
    if start.startswith("<"):
        return _xml(path, encoded)
    if "\x00" in encoded.text:
        raise _refusal(path, "holds NUL characters; formats: CSV/TSV, ZIP of CSV, NDJSON, JSON, XML")
    if start.startswith(("{", "[")):
        return _json(path, encoded)
    length = _fixed_length(encoded.text)
    if length:
        raise ContractError(
            f"{path} looks like fixed width: every line has {length} characters and no delimiter",
            left="nothing was written",
            next_step="write the contract with `format: {type: fixed_width, min_length: …, fields: {NAME: {start: 1, "
            "width: …}}}` after the department's record layout; is it counted in bytes or characters?",
        )
    return Sample("csv", {path.name: encoded})


def _refusal(path: Path, problem: str) -> ContractError:
    return ContractError(f"{path} {problem}", left="nothing was written", next_step="give a sample the department sent")


def _encoded(data: bytes, limit: int = SAMPLE_BYTES) -> Encoded:
    """Strict decoding first; GB18030 and Windows-1252 are told apart by how high bytes pair."""
    whole = len(data) <= limit
    if not whole:
        data = data[:limit]
        data = data[: data.rfind(b"\n") + 1] or data
    if data.startswith(b"\xef\xbb\xbf"):
        return Encoded(data.decode("utf-8-sig", "replace"), "utf-8", "UTF-8 with a byte order mark", whole)
    decoded = {name: _strict(data, name) for name in ("utf-8", "gb18030", "windows-1252")}
    if decoded["utf-8"] is not None:
        reason = "ASCII only" if data.isascii() else "decodes strictly as UTF-8"
        return Encoded(decoded["utf-8"], "utf-8", reason, whole)
    paired = _paired_share(data)
    name = "gb18030" if paired >= _PAIRED else "windows-1252"
    if decoded[name] is None and decoded["gb18030"] is not None:
        name = "gb18030"  # characters of four bytes leave runs of one
    text = decoded[name]
    if text is not None:
        reason = f"not UTF-8; {paired:.0%} of the bytes above 127 come in pairs"
        return Encoded(text, name, reason, whole)
    best = charset_normalizer.from_bytes(data[: 2**20]).best()
    reason = f"decodes strictly as none of UTF-8, GB18030, Windows-1252; looks like {best.encoding if best else 'none'}"
    return Encoded(data.decode(name, "replace"), name, reason, whole, certain=False)


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _paired_share(data: bytes) -> float:
    """Share of bytes above 127 in runs of even length: Chinese characters are two such bytes, accents one."""
    runs = [len(run) for run in _HIGH_RUN.findall(data)]
    return sum(run for run in runs if run % 2 == 0) / max(sum(runs), 1)


def _xml(path: Path, encoded: Encoded) -> Sample:
    if re.match(r"(<\?xml[^>]*>\s*)?<(!doctype\s+html|html|head|body)\b", encoded.text.lstrip(), re.IGNORECASE):
        raise _refusal(path, "is an HTML page, not delimited text, JSON or XML")
    try:
        found = read_xml(path, SAMPLE_BYTES)
    except ValueError as error:
        raise _refusal(path, str(error)) from error
    text = Encoded(found.lines, "declared", "what the document itself says", found.whole)
    return Sample("xml", {path.name: text}, found.records, namespaces=found.namespaces)


def _zip(path: Path) -> Sample:
    texts: dict[str, Encoded] = {}
    left_out: dict[str, str] = {}
    try:
        archive = _opened(path)
        if _TYPES in map(str.lower, archive.names):
            raise _refusal(path, "is an Office document; ask for CSV")
        for name in archive.names[:MAX_MEMBERS]:
            problem = _unfit(name)
            if problem:
                left_out[name] = problem
                continue
            with archive.open(name) as member:
                data = member.read(MEMBER_BYTES + 1)
            if data.strip():
                texts[name] = _encoded(data, MEMBER_BYTES)
            else:
                left_out[name] = "empty"
        left_out |= {name: f"more than {MAX_MEMBERS} members" for name in archive.names[MAX_MEMBERS:]}
    except DeliveryRefused as refusal:
        raise _refusal(path, f"is a damaged or encrypted ZIP: {refusal.message}") from refusal
    if not texts:
        raise _refusal(path, "is a ZIP without delimited text members (.csv, .txt, .tsv)")
    return Sample("zip", texts, left_out=left_out)


def _opened(path: Path) -> Archive:
    settings = Settings()
    return Archive(path, max_bytes=settings.max_uncompressed_bytes, max_ratio=settings.max_compression_ratio)


def _fixed_length(text: str) -> int | None:
    """The one length of all sampled lines, where they are long and hold no delimiter."""
    lines = text.splitlines()[:1000]
    lengths = {len(line) for line in lines}
    alike = len(lines) >= _ALIKE and len(lengths) == 1 and min(lengths) >= _LONG
    return lengths.pop() if alike and not re.search(r"[,;\t|]", "".join(lines)) else None


def is_workbook(path: Path) -> bool:
    """Whether the file is a package of Office parts, read by `drafting.workbook`."""
    try:
        archive = _opened(path)
        for name in archive.names:
            if name.lower() == _TYPES:
                with archive.open(name) as part:
                    said = part.read(MEMBER_BYTES).lower()
                return b"spreadsheetml" in said or b"ms-excel" in said
    except DeliveryRefused:
        pass
    return False


def _unfit(name: str) -> str | None:
    if "/" in name or "\\" in name:
        return "in a folder of the archive"
    return None if name.lower().endswith(_DELIMITED) else "not delimited text"


def _json(path: Path, encoded: Encoded) -> Sample:
    lines = encoded.text.lstrip().splitlines()
    if len(lines) > 1 and _is_record(lines[0]) and lines[1].lstrip().startswith("{"):
        return Sample("ndjson", {path.name: encoded})
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise _refusal(path, f"is one JSON document above {MAX_DOCUMENT_BYTES} bytes; cut a smaller sample")
    try:
        encoded = Encoded(path.read_bytes().decode(_codec(encoded)), encoded.encoding, encoded.reason, whole=True)
        document = json.loads(encoded.text)
    except (ValueError, RecursionError) as error:
        raise _refusal(path, f"starts like JSON and is not: {error}") from error
    if len(lines) == 1 and isinstance(document, dict) and not _lists(document, "$", 3):
        return Sample("ndjson", {path.name: encoded})
    return Sample("json", {path.name: encoded}, records=_records(path, document))


def _codec(encoded: Encoded) -> str:
    return "utf-8-sig" if encoded.encoding == "utf-8" else encoded.encoding


def _is_record(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _records(path: Path, document: Any) -> str:
    """The path of the longest list of objects; the document itself where it is one."""
    if isinstance(document, list):
        return "$"
    found = _lists(document, "$", 4)
    if not found:
        raise _refusal(path, "is a JSON document without a list of objects")
    return max(found, key=lambda item: item[1])[0]


def _lists(node: Any, path: str, depth: int) -> list[tuple[str, int]]:
    if isinstance(node, list):
        return [(path, len(node))] if node and isinstance(node[0], dict) else []
    if not isinstance(node, dict) or not depth:
        return []
    return [found for key, value in node.items() for found in _lists(value, f"{path}.{step(key)}", depth - 1)]


def step(key: str) -> str:
    """A member name in a JSON path, quoted where it is no plain word."""
    return key if re.fullmatch(r"[^\W\d]\w*", key) else '"' + key.replace('"', "") + '"'
