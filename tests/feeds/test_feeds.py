"""Every shipped feed, whatever its name: conformed as the simulated city planted it, staged whole, its product checked.

The feeds are those of the contracts folder; a new contract is tested without an edit here. A failure says what the
new feed still lacks.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.lineage import lineage

from infra.simulator.city import City
from infra.simulator.feed import Feed
from infra.simulator.feeds import FEEDS
from infra.simulator.model import Delivery, Slot, TableTruth
from infra.simulator.planted import FILE_KINDS, Planted
from infra.simulator.schedule import arriving
from ingestion.conform.pseudonym import PseudonymKeys
from ingestion.conform.result import Conformed, ConformedTable
from ingestion.conform.run import Payload, conform, conform_small
from ingestion.contract.load import load_contracts
from ingestion.contract.model import Contract, Table
from ingestion.errors import DeliveryRefused
from ingestion.settings import Settings
from tests.support.dbt_files import DbtFiles, Model
from warehouse.build.collect import kind_of
from warehouse.build.sources import lake_columns, source_name
from warehouse.gate.evidence import REQUIRED

CONTRACTS = load_contracts(Settings().contracts)
SIMULATED = {feed.id: feed for feed in FEEDS}
PROJECT = DbtFiles(Settings().dbt_project)

every_feed = pytest.mark.parametrize("contract", CONTRACTS.values(), ids=CONTRACTS)


@cache
def city() -> City:
    return City()


@every_feed
def test_what_the_city_plants_is_what_conform_counts(contract: Contract, tmp_path: Path) -> None:
    """Rows refused and flagged by rule, repeated, accepted by day; a file for each kind of planted fault."""
    feed = SIMULATED.get(contract.name)
    folder = f"infra/simulator/feeds/{contract.department}/"
    assert feed, f"nobody sends {contract.name}: add {folder}{contract.feed}.py with a FEED"
    slots = slots_with_every_fault(feed)
    assert slots, f"nothing is planted in {contract.name}: add its faults to {folder}{contract.feed}.py"
    settings = Settings(home=tmp_path / "home", pseudonym_key="5a" * 32)
    for number, slot in enumerate(slots):
        delivery = feed.deliver(city(), slot)
        conformed, refused = conform_file(contract, delivery, settings, tmp_path / str(number))
        assert conformed.tables.keys() == delivery.tables.keys(), delivery.path
        for name, truth in delivery.tables.items():
            assert_as_planted(conformed.tables[name], truth, f"{delivery.path} {name}")
        limit = contract.citylake.max_refused_share
        assert refused == any(share(table) > limit for table in delivery.tables.values()), delivery.path


@every_feed
def test_files_conformed_together_give_what_each_gives_alone(contract: Contract, tmp_path: Path) -> None:
    """In several threads, in which DuckDB may give rows back in another order than it got them."""
    feed, settings = SIMULATED[contract.name], Settings(home=tmp_path / "home", pseudonym_key="5a" * 32, threads=4)
    slots = [slot for day in range(1, 4) for slot in arriving(city(), feed, day)][:24]
    payloads: list[list[Payload]] = [[], []]
    for number, slot in enumerate(slots):
        delivery = feed.deliver(city(), slot)
        path = tmp_path / f"{number}"
        path.write_bytes(delivery.content)
        at, interval = delivery.arrives_at, contract.calendar.at(slot.start)
        for way, chosen in zip(("alone", "together"), payloads, strict=True):
            scratch = tmp_path / f"{way}{number}"
            chosen.append(Payload(path, "b1", loaded_at=at, interval=interval, content_as_of=at, scratch=scratch))
    keys = PseudonymKeys.load(settings)
    alone = [conform_small(contract, [one], keys=keys, settings=settings) for one in payloads[0]]
    together = conform_small(contract, payloads[1], keys=keys, settings=settings)
    assert [counts(result) for result in together] == [counts(result) for (result,) in alone]


def counts(result: Conformed | Exception) -> object:
    """What conform says of the rows of each table."""
    made = getattr(result, "conformed", None) if isinstance(result, DeliveryRefused) else result
    assert isinstance(made, Conformed), result
    return type(result), {
        name: (table.received, table.accepted, table.rules, table.flags, table.duplicates, table.row_hash, table.days)
        for name, table in made.tables.items()
    }


def slots_with_every_fault(feed: Feed) -> list[Slot]:
    """The fewest files, in order of arrival, in which every (kind, table, rule) the plan has for a feed occurs."""
    slots = [slot for day in range(1, city().days + 1) for slot in arriving(city(), feed, day)]
    planted = {fault(entry) for entry in feed.plan(city())}
    held = {slot: faults(feed, slot) for slot in slots}
    assert planted == set().union(*held.values()), f"{feed.id}: planted on a day no file of it arrives"
    chosen: list[Slot] = []
    while missing := planted - set().union(*(held[slot] for slot in chosen)):
        chosen.append(max(slots, key=lambda slot: len(held[slot] & missing)))
    return sorted(chosen, key=slots.index)


def faults(feed: Feed, slot: Slot) -> set[tuple[str, str, str]]:
    """What is planted in one file: in its rows, or how it comes."""
    here = (city().plan_day(city().day_no(slot.start)), slot.start.hour, slot.revision)
    found = {fault(e) for e in feed.plan(city()) if (e.day, e.hour, e.revision) == here}
    return {(kind, *more) for kind, *more in found if kind not in FILE_KINDS or kind == slot.note}


def fault(entry: Planted) -> tuple[str, str, str]:
    return entry.kind, entry.table, entry.rule


def conform_file(contract: Contract, delivery: Delivery, settings: Settings, folder: Path) -> tuple[Conformed, bool]:
    """What conform makes of a file, and whether it refuses the file whole."""
    folder.mkdir()
    payload = folder / delivery.filename
    payload.write_bytes(delivery.content)
    try:
        at, interval = delivery.arrives_at, contract.calendar.at(delivery.start)
        conformed = conform(
            contract,
            Payload(payload, "b1", loaded_at=at, interval=interval, content_as_of=at, scratch=folder / "scratch"),
            keys=PseudonymKeys.load(settings),
            settings=settings,
        )
    except DeliveryRefused as refusal:
        assert isinstance(refusal.conformed, Conformed), refusal
        return refusal.conformed, True
    return conformed, False


def share(truth: TableTruth) -> float:
    return (sum(truth.refused.values()) + truth.conflict_rows - truth.conflict_keys) / truth.rows


def assert_as_planted(found: ConformedTable, truth: TableTruth, where: str) -> None:
    """Of rows with one key and other content the first is accepted, the others are `key_conflict`."""
    rules = Counter(truth.refused) + Counter(key_conflict=truth.conflict_rows - truth.conflict_keys)
    assert found.rules == rules, where
    assert found.flags == truth.flagged, where
    kept = truth.clean + truth.repeats + truth.conflict_keys
    counted = (found.received, found.quarantined, found.duplicates, found.accepted)
    assert counted == (truth.rows, rules.total(), truth.duplicates, kept), where
    more = Counter(found.days)
    more.subtract(truth.days)
    assert min(more.values(), default=0) >= 0, where
    assert more.total() == (truth.conflict_keys if truth.days else 0), where


@every_feed
def test_staging_holds_every_bronze_column(contract: Contract) -> None:
    """Under its own name or a described other one; a column that only makes a derived one is held by that one."""
    folder = f"dbt_project/models/staging/{contract.department}"
    for table in contract.tables:
        source = (contract.department, source_name(contract, table))
        staged = [model for model in PROJECT.models.values() if source in model.sources]
        assert staged, f"no model reads {'.'.join(source)}: add {folder}/stg_{contract.department}__<entities>.sql"
        held = set().union(*(held_columns(model, source, table) for model in staged))
        names = ", ".join(model.name for model in staged)
        lost = [name for name in all_columns(table) if name not in held | made_of(table, held)]
        assert not lost, f"{names}: select {', '.join(lost)} of {'.'.join(source)}, and describe each in the yml"


def all_columns(table: Table) -> list[str]:
    return [*(column.name for column in table.bronze_columns), *lake_columns(table)]


def held_columns(model: Model, source: tuple[str, str], table: Table) -> set[str]:
    """Columns of a source that a staging model's described columns are made of."""
    assert "{" not in model.sql, f"{model.name}: a staging model names its source and no other Jinja; move it further"
    schema, name = source
    known = {schema: {name: dict.fromkeys(all_columns(table), "varchar")}}
    held: set[str] = set()
    for column in (name for name, description in model.columns.items() if description):
        # A column that is described and not selected holds nothing.
        with contextlib.suppress(SqlglotError):
            nodes = lineage(column, model.sql, schema=known, dialect="duckdb").walk()
            held |= {
                node.name.rpartition(".")[2].strip('"') for node in nodes if isinstance(node.expression, exp.Table)
            }
    return held


def made_of(table: Table, held: set[str]) -> set[str]:
    """Columns that the expressions of the held derived columns name."""
    expressions = [c.transform for c in table.bronze_columns if c.name in held and c.transform]
    return {column.name for text in expressions for column in sqlglot.parse_one(text, "duckdb").find_all(exp.Column)}


@every_feed
def test_its_products_have_their_checks(contract: Contract) -> None:
    sources = {(contract.department, source_name(contract, table)) for table in contract.tables}
    public = [PROJECT.models[name] for name in PROJECT.readers(sources) if PROJECT.models[name].public]
    assert public, f"no public model is made of {contract.name}: add one below dbt_project/models/marts/<product>"
    assert not [problem for product in products(public) for problem in lacking(product)]


def test_products_that_no_feed_leads_to_have_their_checks() -> None:
    sources = {
        (contract.department, source_name(contract, table))
        for contract in CONTRACTS.values()
        for table in contract.tables
    }
    fed = products([PROJECT.models[name] for name in PROJECT.readers(sources)])
    others = [name for name in PROJECT.groups if name not in fed]
    assert others
    assert not [problem for product in others for problem in lacking(product)]


def products(models: list[Model]) -> list[str]:
    return sorted({model.group for model in models if model.group})


def lacking(product: str) -> list[str]:
    """What the gate would miss in a product, and what its models lack."""
    models = [model for model in PROJECT.models.values() if model.group == product]
    kinds = {kind for model in models for kind in model.checks()}
    found = [f"{product}: no {kind} check, so its gate never opens" for kind in REQUIRED if kind not in kinds]
    if not any(model.public for model in models):
        found.append(f"{product}: no public model")
    for model in models:
        if "key" not in model.checks():
            found.append(f"{model.name}: no primary_key test in its yml")
        if kind_of(model.name) == "fact" and "reconciliation" not in model.checks():
            found.append(f"{model.name}: a fact without row_count_equals_receipts or another reconciliation test")
    return found


def test_what_the_city_sends_has_a_contract() -> None:
    unknown = SIMULATED.keys() - CONTRACTS.keys()
    assert not unknown, f"add ingestion/contracts/<department>/<feed>.yaml for {sorted(unknown)}"
