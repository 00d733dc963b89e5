"""Judge the small cells of every open table: the build's rows alone, and beside all that was ever shown.

Which tables must say what their cells are is decided here: every `pub_` table with a feed behind it whose contract
says that its rows are not shared (不予共享), or that keeps pseudonyms of the same people. One that says nothing is
refused. What open releases have shown is kept as private objects by content, with the feeds it was made of, since a
reader keeps a release that was withdrawn here for another reason: a table that takes the place of another one of the
same feed is refused, and so is one whose declaration reads kept counts in another way. What was found well is
remembered in the state folder, so that it is not read again; without that file everything is judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
from pydantic import Field

from ingestion import keys
from ingestion.errors import CitylakeError, ConfigurationError
from ingestion.isolation import as_known_error
from ingestion.sql import identifier, literal
from ingestion.store.reading import store_errors
from ingestion.values.document import Document
from warehouse.build.report import BuildReport, ModelBuilt, SmallCells
from warehouse.content.measure import BuildContent, TableContent, relation
from warehouse.gate.small_cells import RULES_VERSION, Broken, broken, sentence
from warehouse.release import layout, pointer
from warehouse.release.retained import retained
from warehouse.verdict import CheckResult

if TYPE_CHECKING:
    from ingestion.contract.model import Contract
    from ingestion.lake import Lake

_EDITION = "open"
_CACHE = "small_cells.json"
_RELEASE = "shown_release"
_UNDECLARED = (
    "counts people of a feed whose rows are not shared, and does not say what its cells are: say `small_cells` in its"
    " <model>.yml, then: make generate"
)
_RENAMED = (
    "counts people of a feed whose counts were shown as {former}, which the build does not have: they would be shown"
    " again and be compared with nothing; keep that name"
)
_NUMERIC = frozenset(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT",
     "FLOAT", "DOUBLE", "DECIMAL")
)  # fmt: skip


class _Judged(Document):
    """A content of a table that was found well under a declaration, beside the contents of releases."""

    said: str
    content: str
    beside: list[str]

    def covers(self, said: str, content: str, beside: Collection[str]) -> bool:
        """Was this content judged under this declaration, beside at least these contents?"""
        return (self.said, self.content) == (said, content) and set(beside) <= set(self.beside)


class _Shown(Document):
    """A `pub_` table of a release: the hash of its rows and the feeds behind it."""

    content: str
    feeds: list[str]


class _Remembered(Document):
    """`releases`: of each open release its `pub_` tables, which never change. `judged`: by table."""

    releases: dict[str, dict[str, _Shown]] = Field(default={})
    judged: dict[str, _Judged] = Field(default={})


def judge_open_cells(
    lake: Lake, connection: duckdb.DuckDBPyConnection, report: BuildReport, content: BuildContent
) -> dict[str, CheckResult]:
    """One result for each open table of the build that declares small cells or must; none for others.

    `connection` has the build attached and can open the store's objects (warehouse.content.measure.open_build).
    """
    private = _not_shared(lake)
    judged = [
        model
        for model in report.models
        if model.name in content.tables
        and model.kind == "pub"
        and (model.small_cells is not None or not private.isdisjoint(model.feeds))
    ]
    if not judged:
        return {}
    path = lake.settings.state_root / _CACHE
    try:
        before = _Remembered.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        before = _Remembered()
    beside = _shared_feeds(judged, private)
    work = _Work(lake, connection, before, private, set(content.tables))
    results = {model.name: work.result(model, content.tables[model.name], beside[model.name]) for model in judged}
    if work.now != before:
        path.write_text(work.now.model_dump_json(), encoding="utf-8")
    return results


def _not_shared(lake: Lake) -> set[str]:
    """Feeds whose rows no other department gets, and those that keep pseudonyms of the same purpose as one of them."""
    purposes = {name: _purposes(contract) for name, contract in lake.contracts.items()}
    private = {
        name for name, contract in lake.contracts.items() if contract.citylake.catalogue.share_type == "不予共享"
    }
    people = set().union(*(purposes[name] for name in private))
    return private | {name for name, of_feed in purposes.items() if not people.isdisjoint(of_feed)}


def _purposes(contract: Contract) -> set[str]:
    rules = [column.spec.deidentify for table in contract.tables for column in table.columns]
    return {rule.purpose for rule in rules if rule is not None and rule.method == "pseudonym" and rule.purpose}


def _shared_feeds(models: list[ModelBuilt], private: set[str]) -> dict[str, list[str]]:
    """Of each table the other open tables with counts from the same feed: their cells are not compared."""
    readers: dict[str, set[str]] = defaultdict(set)
    for model in models:
        for feed in private.intersection(model.feeds):
            readers[feed].add(model.name)
    return {
        model.name: sorted(set().union(*(names for names in readers.values() if model.name in names)) - {model.name})
        for model in models
    }


class _Work:
    """One run: reads manifests and releases that were not read before, and notes what is found well."""

    def __init__(
        self,
        lake: Lake,
        connection: duckdb.DuckDBPyConnection,
        before: _Remembered,
        private: Collection[str],
        built: Collection[str],
    ) -> None:
        self.lake, self.connection, self.before = lake, connection, before
        self.now = _Remembered()
        self.unread: list[str] = []
        for release in _readable(lake):
            held = before.releases.get(release)
            try:
                self.now.releases[release] = held if held is not None else _tables(lake, release)
            except (CitylakeError, ValueError):
                self.unread.append(release)
        self.kept = _kept(lake)
        self._note(private)
        self.gone = {table: one.feeds & set(private) for table, one in self.kept.items() if table not in built}

    def result(self, model: ModelBuilt, table: TableContent, others: list[str]) -> CheckResult:
        """The result of one table. What keeps it from being judged refuses its product only."""
        said = model.small_cells
        if said is None:
            return _result(model, "error", _UNDECLARED)
        if others:
            names = ", ".join(others)
            return _result(model, "failed", f"counts the same people as {names}: their cells are not compared", 1)
        if unfit := self._unfit(said, model, table):
            return _result(model, "error", unfit)
        try:
            found = self._found(said, table)
        except Exception as error:
            known = as_known_error(error, self.lake.settings, f"judging the small cells of {model.name}")
            return _result(model, "error", known.message)
        if found:
            return _result(model, "failed", sentence(found, said), sum(one.wholes for one in found.values()))
        return _result(model, "passed", None)

    def _unfit(self, said: SmallCells, model: ModelBuilt, table: TableContent) -> str | None:
        """Why the table cannot be judged; None where it can."""
        if missing := _missing(said, table.columns):
            return f"has no column {missing}, which its small_cells name"
        if numbers := _numbers(said, table.columns):
            return f"has numbers that its small_cells do not name: {numbers}"
        if former := sorted(name for name, feeds in self.gone.items() if not feeds.isdisjoint(model.feeds)):
            return _RENAMED.format(former=", ".join(former))
        return f"cannot be compared with open releases {', '.join(self.unread)}" if self.unread else None

    def _note(self, private: Collection[str]) -> None:
        """Keep which feeds are behind the tables of readable releases, before a release is withdrawn."""
        for held in self.now.releases.values():
            for table, shown in held.items():
                feeds = self.kept.setdefault(table, _Kept(set(), set())).feeds
                for feed in sorted(set(shown.feeds).intersection(private) - feeds):
                    self.lake.store.put_bytes(keys.edition_cells_feed(_EDITION, table, feed), b"")
                    feeds.add(feed)

    def _found(self, said: SmallCells, table: TableContent) -> dict[str, Broken]:
        """What is broken: rules to totals. Raises StoreError, ConfigurationError."""
        shown = self._keep(said, table.name)
        beside = sorted(content for content in shown if content != table.content)
        declared = f"{RULES_VERSION} {said.model_dump_json()}"
        judged = self.before.judged.get(table.name)
        if judged is None or not judged.covers(declared, table.content, beside):
            kept = {one: self._earlier(said, keys.edition_cells(_EDITION, table.name, one)) for one in sorted(shown)}
            earlier = [kept[content] for content in beside]
            with store_errors(self.lake.store, f"read what {table.name} has shown"):
                found = broken(self.connection, relation(table.name), said, earlier)
            if found:
                return found
        self.now.judged[table.name] = _Judged(said=declared, content=table.content, beside=beside)
        return {}

    def _keep(self, said: SmallCells, table: str) -> set[str]:
        """Contents the table was ever shown with; those of readable releases that are not kept yet are stored."""
        kept = self.kept.setdefault(table, _Kept(set(), set())).contents
        for release, held in self.now.releases.items():
            if table in held and held[table].content not in kept:
                self._store(said, table, release, held[table].content)
                kept.add(held[table].content)
        return kept

    def _store(self, said: SmallCells, table: str, release: str, content: str) -> None:
        """Counts of one release, their columns named by what they are and by the names they were declared under."""
        url = self.lake.store.url(layout.warehouse(_EDITION, release))
        with self.lake.scratch() as scratch, store_errors(self.lake.store, f"open release {release} of {_EDITION}"):
            self.connection.execute(f"attach {literal(url)} as {_RELEASE} (read_only)")
            try:
                source = relation(table, _RELEASE)
                columns = [row[0] for row in self.connection.execute(f"describe {source}").fetchall()]
                if missing := _missing(said, columns):
                    raise ConfigurationError(
                        f"open release {release} has no column {missing} in {table}: the two cannot be compared",
                        left="that release can still be read",
                        next_step="keep the column's name until the gate has passed once",
                    )
                named = ", ".join(
                    f"{identifier(column)} as {identifier(kept)}" for kept, column in _roles(said).items()
                )
                path = scratch / "cells.parquet"
                self.connection.execute(f"copy (select {named} from {source}) to {literal(path)} (format parquet)")
            finally:
                self.connection.execute(f"detach {_RELEASE}")
            self.lake.store.put_file(keys.edition_cells(_EDITION, table, content), path)

    def _earlier(self, said: SmallCells, key: str) -> str:
        """SQL for counts that were kept. Raises ConfigurationError where they were declared in another way."""
        source = f"read_parquet({literal(self.lake.store.url(key))})"
        found = {row[0] for row in self.connection.execute(f"describe select * from {source}").fetchall()}
        if found != set(_roles(said)):
            raise ConfigurationError(
                f"a release has shown counts as {', '.join(sorted(found))}; small_cells now say"
                f" {', '.join(sorted(_roles(said)))}: the two cannot be compared",
                left="no release is changed",
                next_step="keep the names of its columns, and what they are, as they were shown",
            )
        named = ", ".join(f"{identifier(kept)} as {identifier(column)}" for kept, column in _roles(said).items())
        return f"(select {named} from {source})"


def _roles(said: SmallCells) -> dict[str, str]:
    """Name of a column where counts are kept, which says what it is, to its name in the table."""
    return {f"by:{column}": column for column in said.by} | {
        f"cell:{said.cell}": said.cell,
        f"people:{said.count}": said.count,
    }


@dataclass(frozen=True)
class _Kept:
    """What is kept of an open table that was shown: hashes of its rows, and its feeds that are not shared."""

    contents: set[str]
    feeds: set[str]


def _kept(lake: Lake) -> dict[str, _Kept]:
    """Of every table that was ever seen in an open release; one listing."""
    folder = keys.edition_cells(_EDITION)
    found: dict[str, _Kept] = defaultdict(lambda: _Kept(set(), set()))
    for info in lake.store.list(folder):
        table, _, name = info.key.removeprefix(f"{folder}/").partition("/")
        if name.startswith("feeds/"):
            found[table].feeds.add(name.removeprefix("feeds/"))
        else:
            found[table].contents.add(name.removesuffix(".parquet"))
    return dict(found)


def _numbers(said: SmallCells, columns: Mapping[str, str]) -> str:
    """Numeric columns that the declaration does not name: each could be a count of people, or give one."""
    return ", ".join(
        name for name, kind in columns.items() if name not in said.columns and kind.partition("(")[0] in _NUMERIC
    )


def _missing(said: SmallCells, columns: Collection[str]) -> str:
    return ", ".join(name for name in said.columns if name not in columns)


def _readable(lake: Lake) -> list[str]:
    """Open releases whose data is in the store, the current one with them, oldest first."""
    current = pointer.pointer(lake.store, _EDITION)
    names = set(retained(lake.store, _EDITION))
    return sorted(names | ({current.release} if current is not None and current.release is not None else set()))


def _tables(lake: Lake, release: str) -> dict[str, _Shown]:
    manifest = pointer.load(lake.store, _EDITION, release)
    return {
        name: _Shown(content=entry.content, feeds=entry.feeds)
        for name, entry in manifest.tables.items()
        if entry.kind == "pub"
    }


def _result(model: ModelBuilt, status: str, message: str | None, failures: int | None = None) -> CheckResult:
    facts = {
        "name": f"small_cells:{model.name}",
        "kind": "privacy",
        "status": status,
        "failures": 0 if status == "passed" else failures,
        "message": message,
        "tables": [model.name],
    }
    return CheckResult.model_validate(facts)
