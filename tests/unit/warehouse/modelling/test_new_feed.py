"""`citylake feed new`: what it writes is complete, runs, holds no value of the sample, and overwrites nothing."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.simulator.city import City
from infra.simulator.schedule import arriving
from ingestion.authoring.check import check_contract
from ingestion.authoring.known import Known
from ingestion.conform.pseudonym import PseudonymKeys
from ingestion.conform.run import Payload, conform
from ingestion.contract.load import load_contract, load_contracts
from ingestion.errors import ConfigurationError, ContractError
from ingestion.settings import Settings
from tests.support import office
from warehouse.cli import main
from warehouse.modelling.new_feed import neighbour, new_feed, organisation, write_files
from warehouse.modelling.simulated import stub

GROUPS = "groups:\n  - name: first\n    owner:\n      name: 数据组 · Data team\n      email: data@example.org\n"
ROWS = [{"ticket_no": f"T{n:04d}", "opened": f"2026-03-02 {n % 24:02d}:15:00", "plate_no": f"粤T{n % 50:05d}",
         "wait_min": n % 7, "paid": n % 2 == 0} for n in range(200)]  # fmt: skip


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "ticket_20260302.ndjson"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS), encoding="utf-8")
    return path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dbt project with one product, beside the fixture's contracts; both are those of the environment."""
    folder = tmp_path / "project"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / "_groups.yml").write_text(GROUPS, encoding="utf-8")
    shutil.copytree(office.CONTRACTS, tmp_path / "contracts")
    for name, path in {"CONTRACTS": tmp_path / "contracts", "DBT_PROJECT": folder, "HOME": tmp_path / "home"}.items():
        monkeypatch.setenv(f"CITYLAKE_{name}", str(path))
    return folder


def command(sample: Path, *more: str) -> int:
    said = ["--title", "停车票", "--about", "One parking ticket.", "--product", "parking"]
    return main(["feed", "new", str(sample), "--department", "office", "--feed", "ticket", *said, *more])


def test_the_files_are_there_and_say_what_is_left(
    sample: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(sample) == 0
    told = capsys.readouterr().out
    contract = load_contract(project.with_name("contracts") / "office" / "ticket.yaml")
    assert (contract.product, contract.title, contract.status) == ("parking", "停车票", "draft")
    marts = project / "models" / "marts" / "parking"
    fact = (marts / "fct_ticket.sql").read_text(encoding="utf-8")
    assert "ref('stg_office__ticket')" in fact
    assert "plate_no" not in fact
    groups = yaml.safe_load((project / "models" / "_groups.yml").read_text(encoding="utf-8"))["groups"]
    assert [group["name"] for group in groups] == ["first", "parking"]
    (model,) = yaml.safe_load((marts / "_parking__models.yml").read_text(encoding="utf-8"))["models"]
    assert model["config"]["meta"]["citylake"] == {"feeds": ["office.ticket"], "day_column": "opened_date"}
    assert [next(iter(test)) for test in model["data_tests"]] == [
        "primary_key", "content_is_fresh", "row_count_equals_receipts",
    ]  # fmt: skip
    for step in ("set `status: active`", "contracts check", "contracts try office.ticket", "make generate"):
        assert step in told
    assert all(str(path) in told for path in (contract.path, marts / "fct_ticket.sql"))


def test_nothing_of_the_sample_is_in_them(sample: Path, project: Path) -> None:
    before = {path: path.read_bytes() for path in project.parent.rglob("*") if path.is_file()}
    assert command(sample) == 0
    written = [p for p in project.parent.rglob("*") if p.is_file() and before.get(p) != p.read_bytes()]
    made = [path for path in written if "home" not in path.parts]
    assert len(made) > 5
    text = "".join(path.read_text(encoding="utf-8") for path in made)
    assert not [value for row in ROWS for value in (row["ticket_no"], row["plate_no"]) if str(value) in text]


def test_a_second_feed_of_a_department_takes_over_what_the_first_says(sample: Path, project: Path) -> None:
    assert command(sample) == 0
    contract = load_contract(project.with_name("contracts") / "office" / "ticket.yaml")
    other = load_contracts(office.CONTRACTS)["office.call"]
    assert contract.citylake.steward == other.citylake.steward
    assert contract.citylake.retention == other.citylake.retention
    assert contract.citylake.catalogue.provider_code == other.citylake.catalogue.provider_code
    problems = [problem.message for problem in check_contract(contract)]
    assert any("left to decide" in problem for problem in problems)
    assert not any("provider_code" in problem for problem in problems)


def test_it_overwrites_nothing(sample: Path, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(sample) == 0
    before = {path: path.read_bytes() for path in project.parent.rglob("*.*") if path.is_file()}
    assert command(sample) == 1
    assert "ticket.yaml exists" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in before}


def test_an_existing_simulated_feed_stays(sample: Path, project: Path, tmp_path: Path) -> None:
    simulator = tmp_path / "simulator"
    (simulator / "office").mkdir(parents=True)
    (simulator / "office" / "ticket.py").write_text("FEED = None\n")
    with pytest.raises(ConfigurationError, match=r"ticket\.py exists"):
        new_feed(
            sample, department="office", feed="ticket", known=Known(product="parking"),
            contracts=tmp_path / "none", project=project, simulator=simulator,
        )  # fmt: skip
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("kind", ["ndjson", "csv"])
def test_the_stub_sends_what_the_draft_reads(kind: str, sample: Path, project: Path, tmp_path: Path) -> None:
    if kind == "csv":
        sample = sample.with_suffix(".csv")
        lines = [",".join(ROWS[0]), *(",".join(str(value) for value in row.values()) for row in ROWS)]
        sample.write_text("\n".join(lines) + "\n", encoding="utf-8")
    files = new_feed(
        sample, department="office", feed="ticket", known=Known(title="停车票", product="parking"),
        contracts=tmp_path / "contracts", project=project, simulator=tmp_path / "simulator",
    )  # fmt: skip
    write_files(files)
    assert {path.name for path in files} == {"ticket.yaml", "_groups.yml", "__init__.py", "ticket.py"}
    made: dict[str, Any] = {}
    exec((tmp_path / "simulator" / "office" / "ticket.py").read_text(encoding="utf-8"), made)  # noqa: S102 - the module
    city, feed = City(), made["FEED"]
    (slot,) = arriving(city, feed, 1)
    delivery = feed.deliver(city, slot)
    payload = tmp_path / delivery.filename
    payload.write_bytes(delivery.content)
    contract = load_contract(tmp_path / "contracts" / "office" / "ticket.yaml")
    settings = Settings(home=tmp_path / "home", pseudonym_key="5a" * 32)  # type: ignore[arg-type]
    payload_of = Payload(
        payload, "b1", loaded_at=datetime(2026, 3, 2, tzinfo=UTC), interval=contract.calendar.at(slot.start),
        content_as_of=delivery.arrives_at, scratch=tmp_path / "scratch",
    )  # fmt: skip
    conformed = conform(contract, payload_of, keys=PseudonymKeys.load(settings), settings=settings)
    (table,) = conformed.tables.values()
    truth = delivery.tables["ticket"]
    assert table.rules == truth.refused == {"ticket_no.required": 1}
    assert (table.received, table.accepted) == (truth.rows, truth.clean)
    assert truth.clean > 50
    assert stub(contract) == (tmp_path / "simulator" / "office" / "ticket.py").read_text(encoding="utf-8")


def test_a_table_without_a_time_gets_no_fact(project: Path, tmp_path: Path) -> None:
    sample = tmp_path / "place.csv"
    sample.write_text("code,name\n" + "".join(f"C{n},N{n}\n" for n in range(150)), encoding="utf-8")
    files = new_feed(
        sample, department="office", feed="place", known=Known(product="first"),
        contracts=tmp_path / "contracts", project=project, simulator=None,
    )  # fmt: skip
    (text,) = files.values()
    assert "fact" not in text
    assert "delivery: snapshot  # decide" in text


def test_rows_that_nothing_tells_apart_get_no_fact(project: Path, tmp_path: Path) -> None:
    sample = tmp_path / "mark_20260302.csv"
    sample.write_text(
        "seen,mark\n" + "2026-03-02 10:00:00,1.5\n2026-03-02 10:00:00,1.5\n2026-03-02 10:00:00,2.5\n" * 50
    )
    files = new_feed(
        sample, department="office", feed="mark", known=Known(product="first"),
        contracts=tmp_path / "contracts", project=project, simulator=None,
    )  # fmt: skip
    (text,) = files.values()
    assert "event_time: seen" in text
    assert "primaryKey" not in text
    assert "fact" not in text


@pytest.mark.parametrize("department", ["Office", "../office", ""])
def test_a_name_that_is_no_name_makes_nothing(department: str, sample: Path, project: Path, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="lower-case letters"):
        new_feed(
            sample, department=department, feed="ticket", known=Known(product="first"),
            contracts=tmp_path / "made", project=project, simulator=None,
        )  # fmt: skip
    assert not (tmp_path / "made").exists()


def test_who_the_department_is_comes_from_reference_data(project: Path) -> None:
    assert organisation(project, "lab") is None
    (project / "seeds").mkdir()
    (project / "seeds" / "ref_department.csv").write_text("code,name_zh,name_en\nlab,市实验室,Lab\nroom,房,Room\n")
    assert organisation(project, "lab") == "中山市实验室"
    assert organisation(project, "room") == "房"
    contracts = load_contracts(office.CONTRACTS)
    assert neighbour(contracts, "office") is contracts["office.call"]
    assert neighbour(contracts, "lab") is None
