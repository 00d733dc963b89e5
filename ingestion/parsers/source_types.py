"""The types that columns had in a department's database, kept in the metadata of a raw Parquet file.

`ingestion.connectors.exchange_file` writes them; `parquet_records` refuses a delivery whose types are no longer those
that the contract reads (`ingestion.contract.postgres_types`). A file of any other origin has none.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from ingestion.contract.model import Table
from ingestion.contract.postgres_types import accepted_types, accepts
from ingestion.errors import DeliveryRefused

_SHOWN, _BASE = b"citylake:source_type", b"citylake:source_base_type"
_LISTED = 20


class SourceType(NamedTuple):
    """`shown`: the type as the database spells it, such as `numeric(18,4)`; `base`: its name in `postgres_types`."""

    shown: str
    base: str

    def metadata(self) -> dict[bytes, bytes]:
        """The metadata of an Arrow field."""
        return {_SHOWN: self.shown.encode(), _BASE: self.base.encode()}


def source_type(field: pa.Field) -> SourceType | None:
    """The type in a field's metadata; None where there is none."""
    found = field.metadata or {}
    return SourceType(found[_SHOWN].decode(), found[_BASE].decode()) if {_SHOWN, _BASE} <= set(found) else None


def check_source_types(table: Table, schema: pa.Schema) -> None:
    """Raise DeliveryRefused (`column_type`) where a column has a type in the source that the contract does not read."""
    wrong = []
    for column in table.source_columns:
        found = source_type(schema.field(str(column.source)))
        if found is not None and not accepts(column.type, found.base):
            wrong.append(
                f"{column.source!r} is {found.shown} ({column.type} is read from {accepted_types(column.type)})"
            )
    if wrong:
        raise DeliveryRefused(
            f"types of the table's columns do not fit the contract: {'; '.join(wrong[:_LISTED])}",
            rule="column_type",
            next_step="agree the new types with the department and revise `physicalType` in the contract: what was "
            "sent lies in raw and is judged by it",
        )
