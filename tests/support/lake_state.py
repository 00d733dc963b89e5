"""What a lake holds, without what differs between two lakes over the same files: times, attempts, object names."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from ingestion import keys
from ingestion.lake import Lake
from ingestion.sql import identifier, literal
from ingestion.store.reading import reading
from warehouse import sql
from warehouse.effective import EFFECTIVE_FILE
from warehouse.release import layout, ledger, pointer

State = dict[str, Any]

_RECEIPTS = """
select r.department || '.' || r.feed as feed, r.batch, r.outcome, r.rule, r.message, s.state, s.counts, s.effective,
    t.table_name, t.received, t.accepted, t.quarantined, t.duplicates, cast(t.rules as varchar) as rules
from receipt as r
left join standing as s on r.key = s.key
left join table_receipt as t on r.key = t.receipt_key
order by all
"""
_BRONZE = f"""
select feed, table_name, dt, batch, precedence > 0 as ranked, rows, row_hash from ({EFFECTIVE_FILE}) as f order by all
"""
_ROWS = """
select count(*) as n, md5(string_agg(line, chr(10) order by line)) as digest from (
    select cast(columns_of as varchar) as line
    from (select columns(c -> c not in ('_loaded_at', '_attempt')) from {table}) as columns_of
)
"""


def state_of(lake: Lake) -> State:
    """Every receipt, effective bronze, quarantined rows, and the rows and products of every released table."""
    with closing(lake.log.connect()) as log:
        quarantine = log.execute("select unnest(quarantine) as key from table_receipt order by 1").fetchall()
        found: State = {"receipts": log.execute(_RECEIPTS).fetchall(), "bronze": log.execute(_BRONZE).fetchall()}
        lake.store.prepare(log)
        with reading(lake.store, log, "compare quarantine"):
            urls = literal([lake.store.url(str(key)) for (key,) in quarantine])
            table = f"read_parquet({urls}, union_by_name = true)"
            found["quarantine"] = log.execute(_ROWS.format(table=table)).fetchall() if quarantine else []
    for edition in layout.EDITIONS:
        found[edition] = _released(lake, edition)
    return found


def _released(lake: Lake, edition: str) -> State:
    manifest = pointer.current(lake, edition)
    if manifest is None:
        return {}
    with closing(sql.connect(lake, edition)) as connection:
        return {
            "products": {name: entry.decision for name, entry in manifest.products.items()},
            "tables": {
                name: sql.query(connection, _ROWS.format(table=identifier(name))).to_pylist()
                for name in manifest.tables
            },
        }


def released_content(lake: Lake) -> dict[str, tuple[int, str, tuple[tuple[str, int, str], ...]]]:
    """Per edition and table: rows, hash of the rows, and both per day of a fact."""
    found = {}
    for edition in layout.EDITIONS:
        manifest = pointer.current(lake, edition)
        for name, entry in manifest.tables.items() if manifest else ():
            days = tuple((file.day, file.rows, file.content) for file in entry.files)
            found[f"{edition}.{name}"] = (entry.rows, entry.content, days)
    return found


def unnamed(lake: Lake) -> dict[str, list[str]]:
    """Objects that nothing names, by zone; empty lists in a lake without any."""
    with closing(lake.log.connect()) as log:
        named = {str(key) for (key,) in log.execute("select key from bronze_file").fetchall()}
        named |= {str(key) for (key,) in log.execute("select unnest(quarantine) from table_receipt").fetchall()}
        payloads = {str(key) for (key,) in log.execute("select raw_key from receipt").fetchall()}
    named |= payloads | {keys.raw_manifest(key.split("/payload/", 1)[0]) for key in payloads}
    for edition in layout.EDITIONS:
        named |= {layout.current(edition), layout.status(edition), layout.banner(edition)}
        for line in ledger.verify_ledger(lake, edition):
            manifest = pointer.load(lake.store, edition, line.release or "", line.manifest_sha256)
            named |= {layout.manifest(edition, manifest.id), layout.open_sql(edition, manifest.id)}
            named.add(layout.record(edition, manifest.id))
            named |= {manifest.warehouse.key}
            named |= {file.key for table in manifest.tables.values() for file in table.files}
    zones = (keys.RAW, keys.BRONZE, keys.QUARANTINE, keys.PUBLISHED, keys.EDITIONS)
    return {zone: [i.key for i in lake.store.list(f"{zone}/") if i.key not in named] for zone in zones}
