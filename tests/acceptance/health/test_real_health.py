"""Health data no one here wrote, to bronze: FHIR resources, counts of two resolutions in one table, a city's hospitals.

Expected numbers are recounted from the files with Python's own json, csv and zipfile. DXY's cumulative counts go on to
a release in `test_real_feeds`; here its publications are taken in again.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import shutil
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.contract.model import Contract
from ingestion.delivery.ingest import ingest_interval
from ingestion.delivery.outcome import Delivery
from ingestion.lake import Lake, open_lake
from ingestion.receipts.model import Receipt
from ingestion.settings import Settings

CONTRACTS = Path(__file__).parent / "contracts"
DXY = Path(__file__).parents[1] / "contracts"
DAY = date(2025, 5, 30)
TYPES = ("AllergyIntolerance", "Condition", "Device", "DocumentReference", "Encounter", "Immunization", "Location",
          "MedicationRequest", "Organization", "Patient", "Practitioner", "PractitionerRole", "Procedure")  # fmt: skip


@dataclass
class Taken:
    """A lake into which files were put, each at its day."""

    lake: Lake

    def put(self, feed: str, target: str, content: Path | bytes, day: date = DAY) -> Delivery:
        """Drop a file and take in its interval; the one delivery."""
        contract = self.lake.contracts[feed]
        path = self.lake.settings.drop_root / target
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            shutil.copyfile(content, path)
        moment = datetime(day.year, day.month, day.day, 18, tzinfo=UTC).timestamp()
        os.utime(path, (moment, moment))
        (interval,) = contract.calendar.meeting(day)
        return ingest_interval(self.lake, contract, interval)[-1]

    def receipt(self, delivery: Delivery) -> Receipt:
        return Receipt.model_validate_json(self.lake.store.get_bytes(str(delivery.receipt)))

    def bronze(self, delivery: Delivery) -> duckdb.DuckDBPyConnection:
        """A connection with a view of each bronze table of a delivery."""
        connection = duckdb.connect()
        with self.lake.log.connect() as log:
            found = log.execute(
                "select table_name, key from bronze_file where receipt_key = $1", [delivery.receipt]
            ).fetchall()
        for name, key in found:
            connection.read_parquet(self.lake.store.url(key)).create_view(name)
        return connection


@pytest.fixture(scope="module")
def health(tmp_path_factory: pytest.TempPathFactory) -> Taken:
    return _taken(tmp_path_factory.mktemp("health"), CONTRACTS)


def _taken(home: Path, contracts: Path) -> Taken:
    return Taken(open_lake(Settings(home=home, drop=home / "drop", contracts=contracts)))


@pytest.fixture(scope="module")
def synthea(real_data: Path) -> Path:
    return real_data / "health/fhir_bulk_synthea_10"


@pytest.fixture(scope="module")
def export(health: Taken, synthea: Path) -> Delivery:
    """All files of the export as they are, as one archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(synthea.glob("*.ndjson")):
            archive.write(path, path.name)
    return health.put("synthea.record", "synthea/record/2025-05-30.zip", buffer.getvalue())


@pytest.fixture
def record(health: Taken, export: Delivery) -> Iterator[duckdb.DuckDBPyConnection]:
    with health.bronze(export) as connection:
        yield connection


@pytest.fixture(scope="module")
def resources(synthea: Path) -> dict[str, list[dict[str, Any]]]:
    """Every resource by type, read by Python."""
    files = {kind: synthea / f"{kind}.000.ndjson" for kind in TYPES}
    return {kind: [json.loads(line) for line in path.read_bytes().splitlines()] for kind, path in files.items()}


def test_every_resource_is_a_row(
    health: Taken, export: Delivery, resources: dict[str, list[dict[str, Any]]], record: duckdb.DuckDBPyConnection
) -> None:
    receipt = health.receipt(export)
    assert (export.outcome, receipt.ignored_members) == ("accepted", ["log.ndjson"])
    counts = {_table(kind): len(found) for kind, found in resources.items()}
    assert (counts["patient"], counts["encounter"], counts["procedure"]) == (13, 1_215, 2_056)
    assert {name: table.accepted for name, table in receipt.tables.items()} == counts
    assert (export.received, export.quarantined, export.duplicates) == (sum(counts.values()), 0, 0)
    snomed = Counter(
        next((c["code"] for c in one["code"]["coding"] if c["system"] == "http://snomed.info/sct"), None)
        for one in resources["Condition"]
    )
    found = record.execute("select snomed_code, count(*) from condition group by all").fetchall()
    assert dict(found) == snomed
    starts = sorted(datetime.fromisoformat(one["period"]["start"]) for one in resources["Encounter"])
    ends = record.execute("select min(started_at), max(started_at) from encounter").fetchone()
    assert ends == (starts[0], starts[-1])


def test_every_reference_resolves_to_exactly_one_resource(
    health: Taken, record: duckdb.DuckDBPyConnection, resources: dict[str, list[dict[str, Any]]]
) -> None:
    """Conditional and logical ones by an identifier, relative ones by an id; none dangles.

    The files of Observation and DiagnosticReport are missing from the dataset, and nothing in the others refers to
    them.
    """
    sent = Counter(form for found in resources.values() for one in found for form in _forms(one))
    assert sent == {"conditional": 10_037, "logical": 172, "relative": 15_262}
    resolved, dangling = Counter[str](), []
    for table, column, target in _references(health.lake.contracts["synthea.record"]):
        keys = f"select {target}_ref as key, 'relative' as form from {target}"
        if target in ("location", "organization", "practitioner"):
            keys += f" union all select identifier_ref, 'identifier' from {target}"
        rows = record.execute(
            f"with keys as ({keys}), "
            "found as (select key, count(*) as times, any_value(form) as form from keys group by key) "
            f"select form, count(*) filter (times = 1), count(*) from {table} left join found on key = {column} "
            f"where {column} is not null group by form"
        ).fetchall()
        for form, once, all_of_them in rows:
            resolved[form] += once
            dangling += [(table, column, form)] * (all_of_them - once)
    assert dangling == []
    assert resolved == {"identifier": 10_037 + 172, "relative": 15_262}


def test_nothing_personal_and_no_attachment_is_in_bronze(
    health: Taken, export: Delivery, record: duckdb.DuckDBPyConnection, resources: dict[str, list[dict[str, Any]]]
) -> None:
    """Names, numbers, addresses and notes of the files, looked for in the decoded values and in the files' bytes."""
    values = {
        value.casefold()
        for (table,) in record.execute("show tables").fetchall()
        for row in record.execute(f"select columns(c -> true)::varchar from {table}").fetchall()
        for value in row
        if value is not None
    }
    text = "\n".join(values)
    personal = {
        word.casefold() for kind in ("Patient", "Practitioner") for one in resources[kind] for word in _personal(one)
    }
    assert len(personal) > 300
    assert [word for word in personal if word in text] == []
    notes = [content["attachment"]["data"] for one in resources["DocumentReference"] for content in one["content"]]
    assert len(notes) == 1_215
    decoded = {
        line for note in notes for line in base64.b64decode(note).decode().casefold().split("\n") if len(line) > 30
    }
    assert len(decoded) > 500
    assert decoded & values == set()
    assert [note for note in notes if note[:60].casefold() in text] == []
    for info in health.lake.store.list("bronze/"):
        stored = health.lake.store.get_bytes(info.key)
        assert not any(note[:60].encode() in stored for note in notes)


def test_one_table_of_several_resolutions_counts_cases_twice(health: Taken, real_data: Path) -> None:
    """Years of a country and weeks of its towns count the same cases: each pair of resolutions is a total."""
    path = real_data / "health/opendengue_wpro/Spatial_extract_WPRO_V1_3.zip"
    delivery = health.put("opendengue.extract", "opendengue/extract/2025-05-30.zip", path)
    with zipfile.ZipFile(path) as archive:
        rows = list(csv.DictReader(io.StringIO(archive.read(archive.namelist()[0]).decode("utf-8"))))
    assert (delivery.outcome, delivery.received, delivery.accepted) == ("accepted", 70_127, 70_127)
    pairs: dict[tuple[str, str], tuple[int, int]] = {}
    for row in rows:
        count, cases = pairs.get((row["S_res"], row["T_res"]), (0, 0))
        pairs[row["S_res"], row["T_res"]] = count + 1, cases + int(row["dengue_total"])
    assert len(pairs) == 9
    with health.bronze(delivery) as bronze:
        found = bronze.execute(
            "select spatial_resolution, temporal_resolution, count(*), sum(dengue_cases) from extract group by all"
        ).fetchall()
        assert {(space, time): (count, int(cases)) for space, time, count, cases in found} == pairs
        absent = bronze.execute("select count(*) filter (admin1 is null), count(ibge_code) from extract").fetchone()
        assert absent == (sum(row["adm_1_name"] == "NA" for row in rows), 0)
        naive = "select sum(dengue_cases) from extract where country = 'TAIWAN' and year = 2015"
        apart = [
            f"{naive} and spatial_resolution = '{space}' and temporal_resolution = '{time}'"
            for space, time in (("Admin0", "Year"), ("Admin2", "Week"))
        ]
        totals = [int((bronze.execute(query).fetchone() or (0,))[0]) for query in (naive, *apart)]
    taiwan = [row for row in rows if (row["adm_0_name"], row["Year"]) == ("TAIWAN", "2015")]
    assert totals == [sum(int(row["dengue_total"]) for row in taiwan), 43_467, 43_467]
    assert totals[0] == 2 * 43_467


def test_hospitals_of_a_city(health: Taken, real_data: Path) -> None:
    """A header with `#` and a full-width blank, days without padding, nine tenths of the beds empty.

    Three numbers of beds have a remark (19, closed for the time being), and one hospital lies nowhere.
    """
    path = real_data / "health/takamatsu_hospitals/hospital_data.csv"
    delivery = health.put("takamatsu.hospital", "takamatsu/hospital/2025-05-30.csv", path)
    rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    assert (delivery.received, delivery.accepted, delivery.quarantined) == (628, 624, 4)
    rules = health.receipt(delivery).tables["hospital"].rules
    assert rules == {"beds.type": 3, "latitude.required": 1, "longitude.required": 1}
    rows = [row for row in rows if "休床中" not in row["numberOfBeds"] and row["latitude"]]
    beds = [int(row["numberOfBeds"]) for row in rows if row["numberOfBeds"]]
    days = sorted(date(*map(int, row["openingDate"].split("/"))) for row in rows if row["openingDate"])
    with health.bronze(delivery) as bronze:
        found = bronze.execute(
            "select count(beds), sum(beds), count(opened_date), min(opened_date), max(opened_date), count(note), "
            "count(*) filter (list_contains(string_split(subjects, '、'), '内科')) from hospital"
        ).fetchone()
        columns = [name for name, *_ in bronze.execute("describe hospital").fetchall()]
    medical = sum("内科" in row["medicalSubjects"].split("、") for row in rows)
    assert found == (len(beds), sum(beds), len(days), days[0], days[-1], 1, medical)
    assert len(beds) == 628 - 555 - 3
    assert "corporate_representative" not in columns


def test_publications_that_hold_each_other(tmp_path: Path, real_data: Path) -> None:
    """Each holds all rows of the one before; one taken in twice adds nothing; 35 rows of the last are repeats."""
    taken = _taken(tmp_path, DXY)
    rows: list[Counter[str]] = []
    deliveries = []
    for day, commit in ((date(2020, 2, 3), "1a9ecbe"), (date(2020, 2, 4), "10c9791"), (date(2020, 2, 14), "ac600b2")):
        path = real_data / f"health/dxy_covid19_china_area/DXYArea_{day}_{commit}.csv"
        rows.append(Counter(path.read_text(encoding="utf-8-sig").splitlines()[1:]))
        deliveries.append(taken.put("dxy.area", f"dxy/area/DXYArea_{day}.csv", path, day))
    accepted = [delivery.accepted for delivery in deliveries]
    assert accepted == [len(one) for one in rows]
    assert [delivery.duplicates for delivery in deliveries] == [sum(one.values()) - len(one) for one in rows]
    assert deliveries[-1].duplicates == 35
    assert rows[0].keys() <= rows[1].keys() <= rows[2].keys()
    before = [info.key for info in taken.lake.store.list("")]
    again = taken.put("dxy.area", "dxy/area/DXYArea_2020-02-14.csv", path, day)
    assert (again.outcome, again.batch) == ("duplicate", deliveries[-1].batch)
    assert [info.key for info in taken.lake.store.list("")] == before
    values = "province_name, city_name, city_confirmed, city_dead, updated_at"
    with taken.bronze(deliveries[0]) as first, taken.bronze(deliveries[2]) as last:
        old = set(first.execute(f"select {values} from area").fetchall())
        assert old <= set(last.execute(f"select {values} from area").fetchall())


def _table(kind: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in kind).strip("_")


def _references(contract: Contract) -> Iterator[tuple[str, str, str]]:
    """Table, column and target table of every column that refers to another resource."""
    for table in contract.tables:
        for column in table.columns:
            if column.spec.reference and str(column.spec.path).endswith(".reference"):
                yield table.name, column.name, _table(column.spec.reference)


def _forms(value: Any) -> Iterator[str]:
    """The form of every reference inside a resource."""
    if isinstance(value, list):
        for one in value:
            yield from _forms(one)
    elif isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield "conditional" if "?" in value["reference"] else "relative"
        elif isinstance(value.get("identifier"), dict):
            yield "logical"
        for one in value.values():
            yield from _forms(one)


def _personal(one: dict[str, Any]) -> Iterator[str]:
    """Names, contacts, address lines, identifiers and birth date of a person."""
    for name in one["name"]:
        yield from (name["family"], *name["given"])
    yield from (entry["value"] for entry in (*one.get("telecom", ()), *one["identifier"]))
    yield from (line for address in one.get("address", ()) for line in address["line"])
    yield from [one["birthDate"]] if "birthDate" in one else []
