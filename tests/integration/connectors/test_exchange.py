"""A department's exchange database, read on a real PostgreSQL server: what is taken in, and every way it goes wrong.

An increment is the rows of an interval, a snapshot the whole table; both come from one state of the database. A fault
is told with the table, the interval and what to do; nothing of a broken snapshot is stored, and what the table holds is
in raw also where its columns have changed.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ingestion.connectors import exchange
from ingestion.connectors.exchange_file import RawFile
from ingestion.connectors.factory import connector_for
from ingestion.contract.model import Column, Contract, Table
from ingestion.database_connection import DatabaseConnection
from ingestion.delivery.ingest import ingest_interval
from ingestion.delivery.outcome import Delivery
from ingestion.errors import ConfigurationError, SourceError
from ingestion.intervals import Interval
from ingestion.lake import Lake
from ingestion.receipts.manifests import read_manifest
from ingestion.receipts.model import Receipt
from tests.support import lakes
from tests.support.authority import Authority
from tests.support.exchange_database import ExchangeDatabase, exchange_database
from tests.support.tls_in_front import tls_in_front
from warehouse.effective import create_views

FAST = {"timeouts": {"connect": 3, "read": 5, "total": 60}, "attempts": 3}
COLUMNS = (
    Column("id", "VARCHAR", "ztbh", "", "", required=True, primary_key=1),
    Column("name", "VARCHAR", "mc", "", ""),
    Column("amount", "DECIMAL(18,4)", "je", "", ""),
    Column("changed", "TIMESTAMPTZ", "gxsj", "", ""),
)
TABLE = """
create table qzk.zt (ztbh character varying(9), mc text, je numeric(18,4), gxsj timestamp with time zone)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeDatabase]:
    with exchange_database(tmp_path_factory.mktemp("exchange")) as made:
        yield made


@dataclass
class Office:
    """A department whose table `qzk.zt` a lake reads, by day and whole."""

    server: ExchangeDatabase
    lake: Lake

    def contract(self, delivery: str = "interval", *, feed: dict[str, Any] | None = None, **said: Any) -> Contract:
        """Increments by `gxsj`, or a snapshot; `said` changes the source."""
        source = {"connector": "database", "connection": "office_db", "schema": "qzk", "table": "zt", **FAST}
        if delivery == "interval":
            source |= {"cursor": "changed", "full_snapshot": "office.register"}
        facts: dict[str, Any] = {"source": source | said, "format": {"type": "parquet"}, **(feed or {})}
        table = Table("reading", "", "", "one entity", None, COLUMNS, "changed", ())
        return replace(lakes.contract(delivery, "delta", **facts), tables=(table,))

    def insert(self, *rows: tuple[str, str | None, object, str]) -> None:
        values = ", ".join(["(%s, %s, %s, %s)"] * len(rows))
        self.server.execute(f"insert into qzk.zt values {values}", *(value for row in rows for value in row))

    def many(self, count: int) -> None:
        """Rows of 2 March, of some 100 bytes."""
        self.server.execute(
            "insert into qzk.zt select i, repeat(md5(i::text), 3), i, timestamptz '2026-03-02 00:00:00+00' "
            "from generate_series(1, %s) as i",
            count,
        )

    def ingest(self, contract: Contract, interval: Interval) -> Delivery:
        (delivery,) = ingest_interval(self.lake, contract, interval)
        return delivery

    def fails(self, contract: Contract, interval: Interval | None = None) -> str:
        """The message of a read that fails; nothing is stored."""
        before = list(self.lake.store.list(""))
        with pytest.raises(SourceError) as caught:
            ingest_interval(self.lake, contract, interval or lakes.day(0))
        assert list(self.lake.store.list("")) == before
        assert not list(self.lake.settings.scratch_root.iterdir())
        message = str(caught.value)
        assert message.startswith("office.readings [2026-03-02")
        assert "nothing was stored" in message
        assert "citylake ingest office.readings --interval" in message
        assert "reader:" not in message
        return message

    def raw(self, delivery: Delivery) -> io.BytesIO:
        """The raw file, as Parquet."""
        assert delivery.receipt is not None
        key = Receipt.model_validate_json(self.lake.store.get_bytes(delivery.receipt)).raw_key
        return io.BytesIO(self.lake.store.get_bytes(str(key)))

    def rows(self) -> dict[str, Decimal]:
        """Amount by id over the effective files, the newest of each."""
        with self.lake.log.connect() as connection:
            create_views(connection)
            urls = [
                self.lake.store.url(key) for (key,) in connection.execute("select key from effective_file").fetchall()
            ]
            found = connection.execute(
                "select id, arg_max(amount, (changed, _loaded_at)) from read_parquet($urls) group by id", {"urls": urls}
            )
            return dict(found.fetchall())


@pytest.fixture
def office(server: ExchangeDatabase, tmp_path: Path) -> Office:
    server.execute("drop table if exists qzk.zt")
    server.execute(TABLE)
    connection = DatabaseConnection.from_text(server.reader, name="office_db")
    return Office(server, lakes.lake(tmp_path, databases={"office_db": connection}.__getitem__))


def test_an_increment_is_the_rows_of_its_interval(office: Office) -> None:
    office.insert(
        ("B", "乙", "1.5", "2026-03-02 08:00:00+08"),
        ("A", "", None, "2026-03-02 23:59:59.999999+00"),
        ("C", None, 3, "2026-03-03 00:00:00+00"),
        ("D", None, 4, "2026-03-01 23:59:59+00"),
    )
    contract = office.contract()
    delivery = office.ingest(contract, lakes.day(0))
    assert (delivery.outcome, office.rows()) == ("accepted", {"A": None, "B": Decimal("1.5000")})
    raw = pq.read_table(office.raw(delivery))
    assert raw.to_pylist() == [
        {"ztbh": "A", "mc": "", "je": None, "gxsj": "2026-03-02 23:59:59.999999+00"},
        {"ztbh": "B", "mc": "乙", "je": "1.5000", "gxsj": "2026-03-02 00:00:00+00"},
    ]
    manifest = read_manifest(office.lake.store, contract, lakes.day(0), delivery.batch)
    assert manifest.source == f"database:127.0.0.1:{office.server.postgres.port}/exchange/qzk.zt"
    assert manifest.headers["rows"] == "2"
    assert "gxsj" in manifest.headers["query"] and 'order by cast("ztbh" as text)' in manifest.headers["query"]
    assert manifest.headers["snapshot"].count(":") == 2
    assert datetime.fromisoformat(manifest.headers["snapshot-time"]) > datetime(2026, 1, 1, tzinfo=UTC)
    assert office.server.postgres.secrets.exchange_reader.get_secret_value() not in str(manifest)


def test_the_first_interval_of_the_calendar_takes_in_all_that_is_older(office: Office) -> None:
    office.insert(("A", None, 1, "1990-05-01 00:00:00+08"), ("B", None, 2, "2026-01-01 12:00:00+00"))
    contract = office.contract()
    assert office.ingest(contract, contract.calendar.at(datetime(2026, 1, 1, 5, tzinfo=UTC))).outcome == "accepted"
    assert office.rows() == {"A": 1, "B": 2}


def test_an_interval_that_has_not_ended_is_not_read(office: Office) -> None:
    now = lakes.START + timedelta(hours=12)
    assert ingest_interval(replace(office.lake, clock=lambda: now), office.contract(), lakes.day(0)) == []


def test_a_snapshot_is_the_whole_table_and_equal_content_equal_bytes(office: Office) -> None:
    """Written in another order, with rows that were deleted and a vacuum between: the table holds the same."""
    rows = [(f"{n}", f"名{n % 3}", n, f"2026-03-0{n % 7 + 1} 00:00:00+00") for n in range(1, 200)]
    office.insert(*rows)
    contract = office.contract("snapshot")
    first = office.ingest(contract, lakes.day(0))
    office.server.execute("truncate qzk.zt")
    office.insert(("gone", None, 0, "2026-03-01 00:00:00+00"), *reversed(rows))
    office.server.execute("delete from qzk.zt where ztbh = 'gone'")
    office.server.execute("vacuum full qzk.zt")
    again = office.ingest(office.contract("snapshot", batch_bytes=2**16), lakes.day(0))
    assert (first.outcome, again.outcome) == ("accepted", "duplicate")
    assert len(office.rows()) == 199


def test_a_past_week_is_not_read_from_the_present_table(office: Office) -> None:
    office.insert(("A", None, 1, "2026-03-02 12:00:00+00"))
    contract = office.contract("snapshot")
    assert office.ingest(contract, lakes.day(1)).outcome == "accepted"
    office.insert(("B", None, 2, "2026-03-02 12:00:00+00"))
    assert ingest_interval(office.lake, contract, lakes.day(0)) == []
    assert office.ingest(contract, lakes.day(2)).outcome == "accepted"
    assert office.ingest(contract, lakes.day(1)).outcome == "duplicate"


def test_everything_is_of_one_snapshot(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are written and deleted while the table is read are of the next one."""
    office.many(50_000)
    write = RawFile.write

    def meanwhile(self: RawFile, batch: Any) -> None:
        if not self.rows:
            office.server.execute("delete from qzk.zt where ztbh > '3'")
            office.insert(("new", None, 0, "2026-03-02 01:00:00+00"))
        write(self, batch)

    monkeypatch.setattr(RawFile, "write", meanwhile)
    delivery = office.ingest(office.contract(batch_bytes=2**16), lakes.day(0))
    assert (delivery.received, delivery.accepted) == (50_000, 50_000)


def test_late_rows_are_found_in_the_overlap_and_later_ones_by_the_snapshot(office: Office) -> None:
    """A cursor that goes back: the row says an earlier time than what was read already."""
    contract = office.contract(overlap="PT2H")
    office.insert(("A", None, 1, "2026-03-02 12:00:00+00"))
    office.ingest(contract, lakes.day(0))
    office.insert(("late", None, 2, "2026-03-02 23:00:00+00"), ("lost", None, 3, "2026-03-02 12:00:00+00"))
    office.insert(("B", None, 4, "2026-03-03 01:00:00+00"))
    (again,) = ingest_interval(office.lake, contract, lakes.day(0))
    assert again.outcome == "duplicate"  # an increment is read once
    office.ingest(contract, lakes.day(1))
    assert sorted(office.rows()) == ["A", "B", "late"]
    whole = office.contract("snapshot", feed={"feed": "register"})
    assert office.ingest(whole, lakes.day(1)).outcome == "accepted"
    assert "lost" in office.rows()


def test_a_wider_overlap_reads_an_interval_again(office: Office) -> None:
    office.insert(("A", None, 1, "2026-03-02 12:00:00+00"))
    office.ingest(office.contract(), lakes.day(0))
    office.insert(("late", None, 2, "2026-03-01 12:00:00+00"))
    wider = replace(office.contract(overlap="P1D"), version="1.1.0")
    assert office.ingest(wider, lakes.day(0)).outcome == "accepted"
    assert sorted(office.rows()) == ["A", "late"]


def test_no_rows(office: Office) -> None:
    assert office.ingest(office.contract(), lakes.day(0)).outcome == "refused"
    assert office.ingest(office.contract(feed={"empty": "no_data"}), lakes.day(1)).outcome == "no_data"


@pytest.mark.parametrize(
    ("change", "rule", "said"),
    [
        ("alter table qzk.zt drop column mc", "header", "missing 'mc'"),
        ("alter table qzk.zt rename column je to jine", "header", "missing 'je'; not in the contract 'jine'"),
        ("alter table qzk.zt add column sfzh text", "header", "not in the contract 'sfzh'"),
        ("alter table qzk.zt alter column ztbh type bigint using 7", "column_type",
         "'ztbh' is bigint (VARCHAR is read from text, uuid)"),
        ("alter table qzk.zt alter column je type double precision", "column_type",
         "'je' is double precision (DECIMAL(18,4) is read from text, bigint, integer, numeric, smallint)"),
    ],
)  # fmt: skip
def test_changed_columns_are_refused_by_name_and_nothing_is_lost(
    office: Office, change: str, rule: str, said: str
) -> None:
    office.insert(("A", "甲", 1, "2026-03-02 08:00:00+00"))
    office.server.execute(change)
    delivery = office.ingest(office.contract(), lakes.day(0))
    assert (delivery.outcome, delivery.rule) == ("refused", rule)
    assert said in str(delivery.message)
    assert pq.read_table(office.raw(delivery)).num_rows == 1


def test_what_was_refused_is_judged_by_the_revised_contract(office: Office) -> None:
    office.insert(("A", "甲", 1, "2026-03-02 08:00:00+00"))
    office.server.execute("alter table qzk.zt alter column je type double precision")
    refused = office.ingest(office.contract(), lakes.day(0))
    contract = office.contract()
    (table,) = contract.tables
    columns = tuple(replace(one, type="DOUBLE") if one.name == "amount" else one for one in table.columns)
    revised = replace(contract, version="1.1.0", tables=(replace(table, columns=columns),))
    accepted = office.ingest(revised, lakes.day(0))
    assert (refused.outcome, accepted.outcome) == ("refused", "accepted")
    assert refused.batch == accepted.batch  # the same bytes


def test_undeclared_columns_stay_where_they_are_if_the_contract_says_so(office: Office) -> None:
    office.insert(("A", "甲", 1, "2026-03-02 08:00:00+00"))
    office.server.execute("alter table qzk.zt add column sfzh text default '442000'")
    delivery = office.ingest(office.contract(columns="declared"), lakes.day(0))
    assert delivery.outcome == "accepted"
    assert pq.read_table(office.raw(delivery)).column_names == ["ztbh", "mc", "je", "gxsj"]


def test_domains_and_enumerations_are_what_they_are_made_of(office: Office) -> None:
    for statement in (
        "drop type if exists qzk.kind", "drop domain if exists qzk.money", "drop table qzk.zt",
        "create type qzk.kind as enum ('企业', '个体')", "create domain qzk.money as numeric(18,4)",
        "create table qzk.zt (ztbh char(3), mc qzk.kind, je qzk.money, gxsj timestamp)",
    ):  # fmt: skip
        office.server.execute(statement)
    office.insert(("A", "企业", "0.0001", "2026-03-02 08:00:00"))
    assert office.ingest(office.contract(), lakes.day(0)).outcome == "accepted"
    assert office.rows() == {"A": Decimal("0.0001")}
    office.server.execute("drop table qzk.zt")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("alter table qzk.zt drop column gxsj", "without its cursor column 'gxsj'"),
        ("alter table qzk.zt alter column gxsj type text", "cursor column 'gxsj' is text"),
        ("drop table qzk.zt", "has no table qzk.zt"),
        ("revoke select on qzk.zt from exchange_reader", "does not let this role select from qzk.zt"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(office: Office, change: str, said: str) -> None:
    office.server.execute(change)
    message = office.fails(office.contract())
    assert f"127.0.0.1:{office.server.postgres.port}/exchange" in message
    assert said in message
    assert "ask the department" in message


@pytest.mark.parametrize(
    ("facts", "said", "step"),
    [
        ({"password": "wrong"}, "password authentication failed", "renew the credential: CITYLAKE_CONN_OFFICE_DB"),
        ({"login": "nobody"}, "password authentication failed", "renew the credential"),
        ({"database": "airflow"}, "permission denied for database", "correct the connection"),
        ({"database": "nope"}, 'database "nope" does not exist', "correct the database's name"),
        ({"host": "nowhere.invalid"}, "could not translate host name", "correct the connection"),
        ({"port": 1}, "Connection refused", "the next run asks again"),
        ({"parameters": {"sslmode": "require"}}, "server does not support SSL", "correct the connection"),
    ],
)
def test_a_server_that_does_not_let_the_lake_in(office: Office, facts: dict[str, Any], said: str, step: str) -> None:
    given = DatabaseConnection.from_text(office.server.reader, name="office_db")
    changed = DatabaseConnection.model_validate({**given.model_dump(), **facts})
    broken = Office(office.server, replace(office.lake, databases={"office_db": changed}.__getitem__))
    message = broken.fails(office.contract(attempts=1))
    assert said in message and step in message


@pytest.mark.parametrize(
    ("called", "trusted", "mode", "said"),
    [
        ("127.0.0.1", True, "verify-full", None),
        ("127.0.0.1", False, "verify-full", "certificate verify failed"),
        ("db.example.org", True, "verify-full", "does not match host name"),
        ("127.0.0.1", True, "disable", "cannot be connected to"),
    ],
)
def test_tls_is_the_connections(
    office: Office, tmp_path: Path, called: str, trusted: bool, mode: str, said: str | None
) -> None:
    office.insert(("A", None, 1, "2026-03-02 08:00:00+00"))
    own, other = Authority.made(tmp_path / "ca"), Authority.made(tmp_path / "other", "Other CA")
    given = DatabaseConnection.from_text(office.server.reader, name="office_db").model_dump()
    parameters = {"sslmode": mode, "sslrootcert": str((own if trusted else other).file)}
    with tls_in_front(office.server.postgres.port, own.context(called)) as port:
        connection = DatabaseConnection.model_validate({**given, "port": port, "parameters": parameters})
        secured = Office(office.server, replace(office.lake, databases={"office_db": connection}.__getitem__))
        if said is None:
            assert secured.ingest(office.contract(), lakes.day(0)).outcome == "accepted"
        else:
            message = secured.fails(office.contract(attempts=1))
            assert said in message


def test_a_reader_has_no_right_but_to_select(office: Office) -> None:
    office.server.postgres.ensure_exchange()  # safe to repeat
    office.insert(("A", None, 1, "2026-03-02 08:00:00+00"))
    assert office.ingest(office.contract(), lakes.day(0)).outcome == "accepted"
    for statement in ("delete from qzk.zt", "create table qzk.own (id int)", "create schema own"):
        with pytest.raises(Exception, match="permission denied"):
            office.server.execute(statement, role="reader")


def restarting(office: Office, monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """End and start the server while the first `times` snapshots are read; the number of rows read by then."""
    write, seen = RawFile.write, []

    def restart(self: RawFile, batch: Any) -> None:
        write(self, batch)
        if len(seen) < times and self.rows == batch.num_rows:
            seen.append(self.rows)
            office.server.restart()

    monkeypatch.setattr(RawFile, "write", restart)
    return seen


def test_a_restart_in_the_middle_of_a_snapshot_is_read_again_from_a_new_one(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    office.many(300_000)
    seen = restarting(office, monkeypatch, times=1)
    with caplog.at_level(logging.WARNING):
        delivery = office.ingest(office.contract(batch_bytes=2**16), lakes.day(0))
    assert delivery.accepted == 300_000
    assert len(seen) == 1 and 0 < seen[0] < 300_000
    assert "ended the snapshot while it was read" in caplog.text and "attempt 2 of 3" in caplog.text
    assert office.server.postgres.secrets.exchange_reader.get_secret_value() not in caplog.text


def test_a_server_that_restarts_every_time_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.many(300_000)
    restarting(office, monkeypatch, times=9)
    message = office.fails(office.contract(batch_bytes=2**16, attempts=2))
    assert "ended the snapshot while it was read" in message
    assert "the next run asks again" in message


def test_a_statement_that_takes_too_long_is_ended_by_the_server(office: Office) -> None:
    office.server.execute("drop table qzk.zt")
    office.server.execute(
        "create view qzk.zt as select 'A' as ztbh, 'x' as mc, 1::numeric as je, "
        "timestamptz '2026-03-02 01:00:00+00' + (pg_sleep(20) is null)::int * interval '1 day' as gxsj"
    )
    try:
        message = office.fails(office.contract(timeouts={"connect": 3, "read": 5, "total": 1}))
    finally:
        office.server.execute("drop view qzk.zt")
    assert "it took longer than the contract's `timeouts.total` leaves" in message
    assert "an index on the cursor" in message


@pytest.mark.parametrize(
    ("bound", "said"), [({"max_rows": 30_000}, "30,000 rows"), ({"max_bytes": 10**6}, "1,000,000 bytes")]
)
def test_ten_times_the_rows_are_not_taken(office: Office, bound: dict[str, int], said: str) -> None:
    office.many(300_000)
    message = office.fails(office.contract(**bound, batch_bytes=2**16))
    assert f"holds more than the contract's {said} in qzk.zt" in message
    assert f"raise `source.{next(iter(bound))}`" in message


def test_memory_is_bounded_by_the_batch(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.many(300_000)
    largest = 0
    write = RawFile.write

    def measure(self: RawFile, batch: Any) -> None:
        nonlocal largest
        largest = max(largest, batch.nbytes)
        write(self, batch)

    monkeypatch.setattr(RawFile, "write", measure)
    (fetched,) = connector_for(office.lake, office.contract(batch_bytes=2**16)).fetch(
        office.contract(batch_bytes=2**16), lakes.day(0), datetime.now(UTC)
    )
    assert largest < 2**18
    file = pq.ParquetFile(fetched.path)
    assert [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)] == [65_536] * 4 + [37_856]


def test_a_connection_that_is_not_there(office: Office) -> None:
    with pytest.raises(ConfigurationError, match="CITYLAKE_CONN_OFFICE_DB=postgresql://"):
        ingest_interval(replace(office.lake, databases=None), office.contract(), lakes.day(0))
    assert exchange.NAME == "database/1"
