"""Files and folders into contracts: the mapping, identity, and the shipped feeds."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.contract.extension import ColumnSpec, ZipFormat
from ingestion.contract.load import load_contract, load_contracts
from ingestion.contract.problem import InvalidContract
from ingestion.errors import ContractError

SHIPPED = Path(__file__).parents[4] / "ingestion" / "contracts"


def _write(folder: Path, document: Any, department: str = "office", feed: str = "visit") -> Path:
    path = folder / department / f"{feed}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return path


def test_mapping_of_a_column(base: Any, columns: Any, tmp_path: Path) -> None:
    columns[0]["logicalTypeOptions"] = {"minLength": 2, "maxLength": 9, "pattern": "^A"}
    columns[2]["enum"] = [{"value": 0}, {"value": 100}]
    contract = load_contract(_write(tmp_path, base))
    table = contract.table("visit")
    score = table.column("score")
    assert (score.source, score.type, score.title, score.description) == ("score", "INTEGER", "得分", "Score.")
    assert (score.minimum, score.maximum, score.allowed, score.required) == (0.0, 100.0, ("0", "100"), False)
    visit = table.column("visit_id")
    assert (visit.min_length, visit.max_length, visit.pattern, visit.primary_key) == (2, 9, "^A", 1)
    assert (table.key, table.event_time, table.grain) == (("visit_id",), "visited_on", "One row per visit.")
    assert (contract.name, contract.title, contract.product) == ("office.visit", "检查", "food_safety")
    assert visit.spec == ColumnSpec()


def test_json_paths_default_to_the_physical_name(base: Any, citylake: Any, tmp_path: Path) -> None:
    citylake["format"] = {"type": "ndjson"}
    citylake["tables"]["visit"]["columns"]["score"] = {"path": '$.result."$"[0]'}
    table = load_contract(_write(tmp_path, base)).table("visit")
    assert table.column("visit_id").spec.path == "$.id"
    assert table.column("score").spec.path == '$.result."$"[0]'


def test_a_bad_json_path(citylake: Any, problems: Any) -> None:
    citylake["format"] = {"type": "ndjson"}
    citylake["tables"]["visit"]["columns"]["score"] = {"path": "result.score"}
    assert "is not a JSON path" in problems()["customProperties[0].value.tables.visit.columns.score.path"]


def test_derived_column(base: Any, columns: Any, tmp_path: Path) -> None:
    del columns[2]["physicalName"]
    columns[2]["transformLogic"] = "cast(visit_id as integer) * 2"
    column = load_contract(_write(tmp_path, base)).table("visit").column("score")
    assert (column.source, column.transform) == (None, "cast(visit_id as integer) * 2")


@pytest.mark.parametrize("transform", ["score * 2", "visitid * 2"])
def test_a_derived_column_reads_source_columns_only(columns: Any, problems: Any, transform: str) -> None:
    del columns[2]["physicalName"]
    columns[2]["transformLogic"] = transform
    assert list(problems()) == ["schema[0].properties[2].transformLogic"]


def test_decimal_is_spelled_one_way(base: Any, columns: Any, tmp_path: Path) -> None:
    columns[2] |= {"physicalType": "decimal(5, 1)", "logicalType": "number"}
    assert load_contract(_write(tmp_path, base)).table("visit").column("score").type == "DECIMAL(5,1)"


@pytest.mark.parametrize("text", ["DECIMAL", "DECIMAL(39,1)", "DECIMAL(3,4)"])
def test_bad_decimals(columns: Any, problems: Any, text: str) -> None:
    columns[2] |= {"physicalType": text, "logicalType": "number"}
    assert "schema[0].properties[2].physicalType" in problems()


def test_folder_reports_the_problems_of_all_files(base: Any, citylake: Any, tmp_path: Path) -> None:
    base["domian"] = "x"
    _write(tmp_path, base)
    citylake["feed"] = "second"
    _write(tmp_path, base, feed="second")
    with pytest.raises(InvalidContract) as caught:
        load_contracts(tmp_path)
    assert [Path(p.file).name for p in caught.value.problems] == ["second.yaml", "visit.yaml"]


def test_path_says_department_and_feed(base: Any, tmp_path: Path) -> None:
    _write(tmp_path, base, department="bureau", feed="visits")
    with pytest.raises(InvalidContract) as caught:
        load_contracts(tmp_path)
    assert [p.path for p in caught.value.problems] == ["department", "feed"]


def test_ids_are_unique(base: Any, citylake: Any, tmp_path: Path) -> None:
    _write(tmp_path, base)
    citylake["feed"] = "second"
    _write(tmp_path, base, feed="second")
    with pytest.raises(InvalidContract, match=r"'office\.visit' is already the id of"):
        load_contracts(tmp_path)


@pytest.mark.parametrize("name", ["office/visit.yml", "visit.yaml", "office/sub/visit.yaml", "office/notes.txt"])
def test_stray_files_are_not_silently_left_out(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a: 1")
    with pytest.raises(InvalidContract, match=r"not <department>/<feed>\.yaml"):
        load_contracts(tmp_path)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="CITYLAKE_CONTRACTS"):
        load_contracts(tmp_path / "none")


def test_shipped_feeds() -> None:
    """Every file of the folder, in order; each labelled synthetic until a department's own data comes."""
    contracts = load_contracts(SHIPPED)
    assert list(contracts) == sorted(f"{path.parent.name}.{path.stem}" for path in SHIPPED.glob("*/*.yaml"))
    assert all(c.citylake.synthetic for c in contracts.values())
    archives = {c.name: c for c in contracts.values() if isinstance(c.citylake.format, ZipFormat)}
    assert archives
    for name, contract in archives.items():
        assert {t.source for t in contract.tables} >= set(contract.citylake.format.optional_members), name


def test_loading_imports_nothing_heavy() -> None:
    code = (
        "import sys; from pathlib import Path; from ingestion.contract.load import load_contracts;"
        f"load_contracts(Path({str(SHIPPED)!r}));"
        "sys.exit(','.join(sorted({'duckdb', 'pyarrow', 'pandas', 'numpy', 'dbt', 'airflow'} & set(sys.modules))) or 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=SHIPPED.parents[1]
    )
    assert (run.returncode, run.stderr) == (0, "")


def test_names_of_headers_have_no_blanks_around_them(base: Any, columns: Any, tmp_path: Path) -> None:
    """As headers are read; a member of JSON is called what it is called."""
    columns[2]["physicalName"] = "\u3000score "
    extension = base["customProperties"][0]["value"]
    variant = {"id": "old", "columns": {"score": {"source": "points\u00a0"}}, "ignored": ["\tnote"]}
    extension["tables"]["visit"]["header_variants"] = [variant]
    table = load_contract(_write(tmp_path, base)).table("visit")
    (found,) = table.header_variants
    assert (table.column("score").source, found.columns["score"].source, found.ignored) == ("score", "points", ["note"])
    del extension["tables"]["visit"]["header_variants"]
    extension["format"] = {"type": "ndjson"}
    extension["tables"]["visit"]["columns"]["score"] = {"path": '$."\u3000score "'}
    assert load_contract(_write(tmp_path, base)).table("visit").column("score").source == "\u3000score "


def test_limits_and_codes_keep_their_digits(base: Any, columns: Any, tmp_path: Path) -> None:
    columns[2] |= {"logicalType": "number", "physicalType": "DECIMAL(38,20)"}
    base["customProperties"][0]["value"]["tables"]["visit"]["columns"]["score"] = {"missing": ["CODE", "1e3"]}
    text = yaml.safe_dump(base, allow_unicode=True)
    text = text.replace("minimum: 0", "minimum: 0.10000000000000000555").replace("maximum: 100", "maximum: 1.0e+20")
    text = text.replace("CODE", "-999.00000000000000001")
    path = tmp_path / "visit.yaml"
    path.write_text(text, encoding="utf-8")
    score = load_contract(path).table("visit").column("score")
    assert (score.minimum, score.maximum) == (Decimal("0.10000000000000000555"), Decimal(10**20))
    assert score.spec.missing == [Decimal("-999.00000000000000001"), "1e3"]
