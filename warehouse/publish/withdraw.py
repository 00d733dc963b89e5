"""Withdraw releases that hold what their readers may not see any more: of a public edition a record whose last day is
over (docs/adr/0030), of any a table that only a restricted edition may show now (docs/adr/0042).

The current release is not touched: it was composed without such rows before (warehouse.publish.run, .leave). First the
ledger gets its entry, then `open.sql` becomes a sentence for whoever opens the release, then the data is deleted, the
release file last, so that the next call completes what a crash left. Manifest and private record stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingestion.errors import CitylakeError
from ingestion.isolation import as_known_error, combined
from ingestion.keys import edition_moving
from ingestion.sql import identifier, literal
from warehouse.publish.compose import facts_query
from warehouse.publish.ended import Ended
from warehouse.release import layout, ledger, pointer
from warehouse.release.lock import require_publisher
from warehouse.release.retained import Ends, ends_of, retained, withdrawal

if TYPE_CHECKING:
    from ingestion.lake import Lake

REASON = "expired records"
"""Its rows have a last day, which was over for some of them."""
MOVED = "a table of it is for readers of a restricted edition now"
BY = "citylake"
_EARLIER = "earlier"


def withdraw_ended(lake: Lake, edition: str, ended: Ended) -> list[str]:
    """Withdraw every retained release with rows that have ended; their ids.

    What a publication that died left is deleted: at once where it has no manifest, else where it has such rows. The
    caller holds the publisher lock and has repaired the ledger. Where one release cannot be looked at, the others are
    withdrawn all the same; then one error names it.
    """
    lines = ledger.entries(lake.store, edition)
    whole: list[str] = []
    for release, keys in retained(lake.store, edition).items():
        if layout.manifest(edition, release) in keys:
            whole.append(release)
        else:
            _delete(lake, [key for key in keys if key != layout.warehouse(edition, release)], edition, release)
    withdrawn: list[str] = []
    errors: list[CitylakeError] = []
    for release, ends in ends_of(lake, edition, whole):
        try:
            if holds_ended(lake, edition, release, ends, ended):
                _withdraw(lake, edition, release, lines)
                withdrawn.append(release)
        except Exception as error:
            errors.append(as_known_error(error, lake.settings, f"looking for expired records in release {release}"))
    if errors:
        raise combined(errors)
    return withdrawn


def begin_moving(lake: Lake, edition: str) -> None:
    """Mark, before a release without them becomes current, that older ones show tables that are restricted now."""
    require_publisher(lake)
    lake.store.replace(edition_moving(edition), b"{}")


def withdraw_moved(lake: Lake, edition: str, moved: set[str]) -> list[str]:
    """Withdraw every retained release that shows one of these tables; their ids. Fact files of these tables go first.

    Nothing is looked at without the mark of `begin_moving`, so a publication does not pay for all releases before it.
    The caller holds the publisher lock, has repaired the ledger, and has published a release without them.
    """
    if not moved or lake.store.head(edition_moving(edition)) is None:
        return []
    lines = ledger.entries(lake.store, edition)
    whole = [name for name, keys in retained(lake.store, edition).items() if layout.manifest(edition, name) in keys]
    withdrawn: list[str] = []
    for release, ends in ends_of(lake, edition, whole):
        if isinstance(ends, CitylakeError):
            raise ends
        tables = moved & set(ends.tables)
        if tables:
            folders = [f"{layout.facts(edition)}/{table}" for table in sorted(tables)]
            facts = [info.key for folder in folders for info in lake.store.list(folder)]
            _withdraw(lake, edition, release, lines, reason=MOVED, keys=facts)
            withdrawn.append(release)
    require_publisher(lake)
    lake.store.delete(edition_moving(edition))
    return withdrawn


def holds_ended(lake: Lake, edition: str, release: str, ends: Ends | CitylakeError, ended: Ended) -> bool:
    """Does a release hold a row that has ended? Its file is read only where its manifest cannot tell."""
    if isinstance(ends, CitylakeError):
        raise ends
    if ends.is_due(ended.today):
        return True
    if not ends.is_ended_by and not ended.declared.keys() & set(ends.tables):
        return False
    manifest = pointer.load(lake.store, edition, release)
    looked_at = {name: entry for name, entry in manifest.tables.items() if ended.may_hold(name, entry)}
    if not looked_at:
        return False
    url = lake.store.url(manifest.warehouse.key)
    ended.connection.execute(f"attach {literal(url)} as {_EARLIER} (read_only)")
    try:
        for name, entry in looked_at.items():
            rule = ended.rule(name, entry)
            rows = f"select * from {identifier(_EARLIER, 'main', name)}"
            if rule and ended.count(rule, facts_query(lake, entry) if entry.is_view else rows):
                return True
        return False
    finally:
        ended.connection.execute(f"detach {_EARLIER}")


def _withdraw(
    lake: Lake, edition: str, release: str, lines: list[ledger.Entry], *, reason: str = REASON, keys: Sequence[str] = ()
) -> None:
    published = [line for line in lines if line.release == release and line.event == "published"]
    if published and withdrawal(lines, release) is None:
        sha256 = published[0].manifest_sha256
        ledger.append(lake, edition, "withdrawn", ledger.Move(release, sha256, reason, BY))
    require_publisher(lake)
    lake.store.replace(layout.open_sql(edition, release), _sentence(edition, release, reason).encode())
    _delete(lake, keys, edition, release)


def _delete(lake: Lake, keys: Sequence[str], edition: str, release: str) -> None:
    """Delete these objects and then the release file, by which an unfinished deletion is found again."""
    require_publisher(lake)
    for key in [*keys, layout.warehouse(edition, release)]:
        lake.store.delete(key)


def _sentence(edition: str, release: str, reason: str) -> str:
    """What stands in `open.sql` instead: whoever runs it is told."""
    text = f"release {release} was withdrawn: {reason}; {layout.current(edition)} names the release that is current"
    return f"-- {text[:1].upper()}{text[1:]}.\nselect error({literal(text)});\n"
