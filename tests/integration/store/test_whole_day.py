"""Whole days of the fixture project, from files to a release, on rclone's and MinIO's S3: rows as on the folder store.

The third day brings calls that are refused, so that a release is composed of fresh tables and of kept ones.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from ingestion.contract.load import Feeds
from ingestion.errors import StoreError
from ingestion.lake import Lake
from ingestion.machine import extensions
from ingestion.settings import Settings
from tests.integration.store.conftest import bucket_of
from tests.support import office
from tests.support.lake_state import released_content
from tests.support.s3_servers import S3Server
from warehouse import sql
from warehouse.cli.app import app
from warehouse.cli.session import Session
from warehouse.export import export
from warehouse.reconcile.run import reconcile
from warehouse.release import layout, pointer
from warehouse.run import RunReport, run
from warehouse.trace import trace

DAYS = (date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4))
BLOCKED = 3


@dataclass(frozen=True)
class Ran:
    """A lake after its days, and what each run reported."""

    lake: Lake
    runs: list[RunReport]


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drop")
    assert tuple(office.arrive(folder, number) for number in range(3)) == DAYS
    return folder


def days_on(settings: Settings, drop: Path) -> Ran:
    lake = office.opened(office.fixture(settings, drop))
    return Ran(lake, [run(lake, day) for day in DAYS])


@pytest.fixture(scope="module")
def folder(drop: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The same days on the folder store: what the others must equal."""
    return days_on(Settings(home=tmp_path_factory.mktemp("folder")), drop)


@pytest.fixture(scope="module")
def ran(server: S3Server, drop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    return days_on(bucket_of(server, tmp_path_factory.mktemp(f"home-{server.name}")), drop)


def verdicts(report: RunReport) -> dict[str, tuple[str, list[tuple[str, str]]]]:
    return {v.product: (v.decision, sorted((c.name, c.status) for c in v.checks)) for v in report.verdicts}


def test_outcomes_verdicts_and_rows_are_those_of_the_folder(ran: Ran, folder: Ran) -> None:
    assert [report.exit_code for report in ran.runs] == [0, 0, BLOCKED] == [r.exit_code for r in folder.runs]
    for here, there in zip(ran.runs, folder.runs, strict=True):
        assert here.failures == there.failures == {}
        assert [(d.outcome, d.batch) for d in here.deliveries] == [(d.outcome, d.batch) for d in there.deliveries]
        assert verdicts(here) == verdicts(there)
    content = released_content(ran.lake)
    assert len(content) == 7
    assert content == released_content(folder.lake)
    manifest = pointer.current(ran.lake)
    assert manifest is not None
    assert {product.decision for product in manifest.products.values()} == {"passed", "blocked"}


def test_every_stage_agrees_with_the_one_before(ran: Ran, folder: Ran) -> None:
    here, there = reconcile(ran.lake, deep=True), reconcile(folder.lake, deep=True)
    assert here.off == []
    assert [row.model_dump() for row in here.rows if row.step not in ("raw", "bronze")] == [
        row.model_dump() for row in there.rows if row.step not in ("raw", "bronze")
    ]


def test_sql_reads_the_release_and_nothing_else(ran: Ran, folder: Ran) -> None:
    manifest = pointer.current(ran.lake)
    assert manifest is not None
    with sql.connect(ran.lake) as here, sql.connect(folder.lake) as there:
        for name in manifest.tables:
            query = f"select count(*) as n, bit_xor(hash(t)) as h from {name} as t"
            assert sql.query(here, query) == sql.query(there, query), name
        other = ran.lake.store.url(layout.current("internal"))
        with pytest.raises(duckdb.PermissionException):
            sql.query(here, f"from read_text('{other}')")
    assert list(ran.lake.settings.scratch_root.glob("*.duckdb")) == []


def test_a_plain_duckdb_opens_the_release(ran: Ran, server: S3Server) -> None:
    """No code of ours: the extension, a secret, one attach; views hold s3:// addresses."""
    manifest = pointer.current(ran.lake)
    assert manifest is not None
    facts = sorted(name for name, entry in manifest.tables.items() if entry.files)
    assert facts
    script = f"""
import duckdb
c = duckdb.connect(config={{"autoinstall_known_extensions": False}})
c.execute("load '{extensions.path("httpfs")}'")
c.execute("create secret (type s3, key_id '{server.access_key}', secret '{server.secret_key}', "
          "endpoint '{server.endpoint.removeprefix("http://")}', url_style 'path', use_ssl false, region 'us-east-1')")
c.execute("attach '{ran.lake.store.url(manifest.warehouse.key)}' as r (read_only)")
for name in {sorted(manifest.tables)!r}:
    print(name, c.execute(f"select count(*) from r.main.{{name}}").fetchone()[0])
"""
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    found = dict(line.split() for line in done.stdout.splitlines())
    assert found == {name: str(entry.rows) for name, entry in manifest.tables.items()}


def test_a_number_leads_to_its_bytes(ran: Ran, folder: Ran) -> None:
    here, there = trace(ran.lake, "fct_reading"), trace(folder.lake, "fct_reading")
    assert [(o.feed, o.raw_key, o.raw_sha256) for o in here.objects] == [
        (o.feed, o.raw_key, o.raw_sha256) for o in there.objects
    ]


def test_an_export_needs_no_store(ran: Ran, tmp_path: Path) -> None:
    target = tmp_path / "office.duckdb"
    manifest = export(ran.lake, target)
    with duckdb.connect(target, read_only=True) as connection:
        for name, entry in manifest.tables.items():
            assert connection.execute(f"select count(*) from {name}").fetchone() == (entry.rows,)


def test_refused_rows_are_shown(ran: Ran, folder: Ran) -> None:
    def shown(lake: Lake) -> str:
        session = Session()
        session.__dict__["lake"] = lake
        session.__dict__["feeds"] = Feeds(dict(lake.contracts))
        result = CliRunner().invoke(app, ["quarantine", office.READING, "--json"], obj=session)
        assert result.exit_code == 0, result.output
        return result.output

    assert '"rules"' in shown(ran.lake)
    assert shown(ran.lake) == shown(folder.lake)


def test_the_secret_is_in_no_file(ran: Ran, server: S3Server) -> None:
    """State, scratch, dbt's profile, logs and artefacts, the objects themselves."""
    files = [path for path in ran.lake.settings.root.rglob("*") if path.is_file()]
    assert {"profiles.yml", "dbt.log", "build.duckdb"} <= {path.name for path in files}
    secret = server.secret_key.encode()
    assert [path for path in files if secret in path.read_bytes()] == []
    assert [i.key for i in ran.lake.store.list("") if secret in ran.lake.store.get_bytes(i.key)] == []


def test_the_same_day_again_writes_nothing(ran: Ran) -> None:
    before = {info.key for info in ran.lake.store.list("")}
    again = run(ran.lake, DAYS[-1])
    written = {info.key for info in ran.lake.store.list("")} - before
    assert again.exit_code == BLOCKED
    assert again.deliveries == [] or {d.outcome for d in again.deliveries} == {"duplicate"}
    assert [key for key in written if not key.startswith(layout.VERDICTS)] == []


def test_a_release_whose_file_is_gone_says_what_to_do(ran: Ran, tmp_path: Path) -> None:
    manifest = pointer.current(ran.lake)
    assert manifest is not None
    key = manifest.warehouse.key
    kept = ran.lake.store.fetch(key, tmp_path / "kept")
    ran.lake.store.delete(key)
    with pytest.raises(StoreError, match=r"is not in the store(.|\n)*citylake rollback --edition internal"):
        sql.connect(ran.lake)
    ran.lake.store.put_file(key, kept)
    sql.connect(ran.lake).close()
