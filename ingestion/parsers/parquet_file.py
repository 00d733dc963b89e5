"""Open a Parquet file safely: what it is, its columns, and bounds on what it may hold.

Refused are files that are no Parquet, encrypted, cut off or damaged, and files whose footer declares more than the
limits. Page headers are not checked before they are read: one that lies costs at most the 2 GB that its format can
declare. Reading rows is left to `parquet_records`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingestion.errors import DeliveryRefused
from ingestion.machine.engines import plain, session
from ingestion.parsers.probe import PROBE_BYTES, check_text
from ingestion.settings import Settings
from ingestion.sql import literal

MAGIC, _ENCRYPTED = b"PAR1", b"PARE"
_TAIL = 8
"""Bytes at the end: the footer's length (little-endian), then the magic (Parquet format, "File Format")."""
_SIGNATURE = 28
"""Bytes after a readable footer where columns are encrypted (Parquet Modular Encryption, 5.4)."""
_AGAIN = "ask the department to send it again"


@contextmanager
def opened(path: Path, columns: Sequence[str], settings: Settings) -> Iterator[pq.ParquetFile]:
    """The file; of `columns`, texts with a dictionary are read as one, as one long text may be in every row.

    What reads from it does so within `damage_refused`. Raises DeliveryRefused: `empty`, `html_page`, `container`,
    `parquet_encrypted`, `parquet_damaged`, `parquet_unsafe`.
    """
    footer = _footer_bytes(path, settings)
    with damage_refused():
        if footer - pq.read_metadata(path).serialized_size == _SIGNATURE:
            raise _encrypted()
        shared = [name for name in _columns_with_dictionary(path) if name in columns]
        file = pq.ParquetFile(
            path, read_dictionary=shared, pre_buffer=False, buffer_size=2**20, page_checksum_verification=True
        )
    with file:
        _check_bounds(file.metadata, path.stat().st_size, settings)
        yield file


def is_parquet(path: Path) -> bool:
    """Whether the file begins as a Parquet file does; not where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def column_names(path: Path, settings: Settings) -> list[str]:
    """The names of the columns, in order. Raises DeliveryRefused as `opened`."""
    with opened(path, (), settings) as file:
        return list(file.schema_arrow.names)


@contextmanager
def damage_refused() -> Iterator[None]:
    """Raise what Arrow cannot read as DeliveryRefused; errors of this machine's disk stay OSError."""
    try:
        yield
    except (pa.ArrowException, OSError, KeyError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        said = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        if "crypt" in said.casefold():
            raise _encrypted() from error
        raise damaged(said) from error


def unsafe(what: str) -> DeliveryRefused:
    """The refusal of a file that holds more than the limits allow."""
    return DeliveryRefused(
        f"the Parquet file {what}",
        rule="parquet_unsafe",
        next_step="ask the department for several smaller files; if it is right, raise CITYLAKE_MAX_UNCOMPRESSED_BYTES",
    )


def damaged(what: str) -> DeliveryRefused:
    """The refusal of a file that contradicts itself."""
    return DeliveryRefused(f"the Parquet file is damaged: {what}", rule="parquet_damaged", next_step=_AGAIN)


def _encrypted() -> DeliveryRefused:
    return DeliveryRefused(
        "the Parquet file is encrypted",
        rule="parquet_encrypted",
        next_step="ask the department for a file without encryption, over a connection that is encrypted",
    )


def _footer_bytes(path: Path, settings: Settings) -> int:
    """Length of the footer, signature included. Raises DeliveryRefused where the file is no Parquet, or cut off."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(PROBE_BYTES)
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
    if head.startswith(_ENCRYPTED):
        raise _encrypted()
    if not head.startswith(MAGIC):
        try:
            check_text(head, "the file")
        except DeliveryRefused as refusal:
            if refusal.rule in ("empty", "html_page"):
                raise
        raise DeliveryRefused(
            "the file is not a Parquet file",
            rule="container",
            next_step="correct `format` in the contract, or ask the department for the declared format",
        )
    if size < len(MAGIC) + _TAIL or not tail.endswith(MAGIC):
        raise damaged(f"its end is missing ({size:,} bytes were received)")
    footer = int.from_bytes(tail[:4], "little")
    if footer > size - len(MAGIC) - _TAIL:
        raise damaged(f"its footer of {footer:,} bytes is longer than the file")
    if footer > settings.max_document_bytes:
        raise unsafe(f"has a footer of {footer:,} bytes; the limit is {settings.max_document_bytes:,}")
    return footer


def _check_bounds(metadata: pq.FileMetaData, size: int, settings: Settings) -> None:
    """Refuse what the footer declares where it is more cells or bytes than an archive may unpack to.

    The ratio to the packed size says nothing: a million equal texts are honest, and some bytes.
    """
    limit = settings.max_uncompressed_bytes
    if metadata.num_rows * max(metadata.num_columns, 1) > limit:
        raise unsafe(f"declares {metadata.num_rows:,} rows of {metadata.num_columns} columns in {size:,} bytes")
    unpacked = sum(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    if unpacked > limit:
        raise unsafe(f"unpacks to {unpacked:,} bytes; the limit is {limit:,}")


def _columns_with_dictionary(path: Path) -> list[str]:
    """Paths of the byte-array columns of which any part is stored as a dictionary.

    DuckDB reads the footer for this: Arrow ends the process where it is asked about a column that is encrypted.
    """
    with session(plain, closed=False) as connection:
        try:
            found = connection.execute(
                f"select distinct path_in_schema from parquet_metadata({literal(path)}) "
                "where dictionary_page_offset is not null and type = 'BYTE_ARRAY'"
            ).fetchall()
        except duckdb.Error as error:
            raise damaged(str(error).splitlines()[0].replace(str(path), "the file")[:200]) from error
    return [name for (name,) in found]
