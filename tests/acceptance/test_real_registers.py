"""Registers no one here wrote: XML in two vocabularies, files put together with their headers, one data set twice.

Raw → bronze → mart → gate → release in one lake. Expected counts are those of each SOURCE.md, recounted
from the raw bytes with regular expressions and Python's csv, not with the code under test.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import pytest

from ingestion.delivery.ingest import ingest_file
from ingestion.intervals import Interval
from tests.support.real_lake import Dropped, Released, refused_rows, release
from warehouse.reconcile.run import reconcile
from warehouse.sql import connect

FHRS = "food_safety/uk_fhrs_xml"
SOUTH_BEND = "credit/south_bend_business_licenses/Business_Licenses.csv"
CHICAGO = "credit/chicago_business_licenses/Business_Licenses.csv"
NYC = "community_grid/nyc_311_requests"
RECORD = re.compile(rb"<EstablishmentDetail>.*?</EstablishmentDetail>", re.S)

FILES = (
    *(
        Dropped("fsa.ratings", f"{FHRS}/{name}.xml", f"fsa/ratings/202008/{name}.xml", published, date(2020, 8, 12))
        for name, published in (
            ("FHRS414en-GB", datetime(2020, 8, 12, 6, tzinfo=UTC)),
            ("FHRS773en-GB", datetime(2020, 8, 21, 6, tzinfo=UTC)),
        )
    ),
    Dropped(
        "southbend.licences",
        SOUTH_BEND,
        "southbend/licences/Business_Licenses_2023.csv",
        datetime(2023, 12, 1, tzinfo=UTC),
        date(2023, 12, 1),
    ),
    Dropped(
        "chicago.licences",
        CHICAGO,
        "chicago/licences/Business_Licenses_2018.csv",
        datetime(2018, 3, 1, tzinfo=UTC),
        date(2018, 3, 1),
    ),
    *(
        Dropped(
            "nyc311.requests", f"{NYC}/311_{name}.csv", f"nyc311/requests/311_{name}.csv", published, published.date()
        )
        for name, published in (
            ("2016_export", datetime(2016, 7, 20, tzinfo=UTC)),
            ("2023_soda", datetime(2023, 12, 10, 18, tzinfo=UTC)),
        )
    ),
)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Released:
    return release(tmp_path_factory.mktemp("registers"), real_data, FILES, as_of=date(2024, 1, 9))


@pytest.fixture
def db(released: Released) -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(released.lake, "internal") as connection:
        yield connection


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _values(record: bytes, name: str) -> list[str]:
    return [v.decode() for v in re.findall(rf"<{name}>([^<]*)</{name}>".encode(), record)]


def test_every_product_passed(released: Released) -> None:
    wanted = ("food_ratings", "licences", "requests_311")
    found = {v.product: v.decision for v in released.verdicts}
    assert {name: found[name] for name in wanted} == dict.fromkeys(wanted, "passed"), released.verdicts


def test_everything_reconciles(released: Released) -> None:
    result = reconcile(released.lake, deep=True)
    assert result.ok, [row for row in result.rows if row.status != "ok"]


def test_two_rating_vocabularies_in_one_fact(
    released: Released, db: duckdb.DuckDBPyConnection, real_data: Path
) -> None:
    received, words, points, undated = [], Counter[tuple[str, str]](), 0, 0
    for name in ("FHRS414en-GB", "FHRS773en-GB"):
        records = RECORD.findall((real_data / FHRS / f"{name}.xml").read_bytes())
        received.append(len(records))
        for record in records:
            words[_values(record, "SchemeType")[0], _values(record, "RatingValue")[0]] += 1
            points += sum(map(int, _values(record, "Hygiene")))
            undated += not _values(record, "RatingDate")
    assert received == [3_313, 3_816]
    deliveries = released.deliveries["fsa.ratings"]
    assert [(d.outcome, d.received, d.accepted, d.quarantined) for d in deliveries] == [
        ("accepted", count, count, 0) for count in received
    ]
    rows = db.execute("select scheme, rating_value, count(*) from fct_food_hygiene_rating group by all").fetchall()
    assert {(scheme, word): count for scheme, word, count in rows} == dict(words)
    assert {word for scheme, word in words if scheme == "FHIS"} & {
        word for scheme, word in words if scheme == "FHRS"
    } == set()
    assert db.execute(
        "select count(*), count(rating_score), sum(hygiene_points), count(*) - count(rating_date) "
        "from fct_food_hygiene_rating"
    ).fetchone() == (
        sum(received),
        sum(count for (scheme, word), count in words.items() if scheme == "FHRS" and word.isdigit()),
        points,
        undated,
    )
    assert undated == 358
    outcomes = dict(db.execute("select rating_outcome, count(*) from fct_food_hygiene_rating group by all").fetchall())
    assert outcomes["not_rated"] == words["FHRS", "AwaitingInspection"] + words["FHIS", "Awaiting Inspection"] + 1
    assert outcomes["broadly_compliant"] == 1_902 + 511 + 336 + 3_086 + 38


def test_headers_among_the_licences(released: Released, db: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    rows = _rows(real_data / SOUTH_BEND)
    headers = [row for row in rows if row["License Type"] == "Type Description"]
    terms = Counter((row["LicenceNumber"], row["year"]) for row in rows if row not in headers)
    conflicts = sum(count - 1 for count in terms.values())
    assert (len(rows), len(headers), conflicts) == (2_514, 3, 2)
    (delivery,) = released.deliveries["southbend.licences"]
    assert (delivery.received, delivery.quarantined, delivery.duplicates) == (len(rows), len(headers) + conflicts, 0)
    with released.lake.log.connect() as log:
        ((rules,),) = log.execute("select rules from table_receipt where department = 'southbend'").fetchall()
    assert dict(rules) == {"repeated_header": 3, "key_conflict": 2}
    kept = refused_rows(
        released,
        "southbend.licences",
        "select record, original_text from refused where rules = ['repeated_header'] order by record",
    )
    lines = (real_data / SOUTH_BEND).read_text(encoding="utf-8").splitlines()
    assert kept == [(line, lines[line]) for line in (1_085, 1_388, 1_801)]
    found = db.execute("select count(*) from fct_licence_term where city = 'South Bend'").fetchone()
    assert found == (len(terms),)


def test_repeated_terms_of_one_licence(db: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    rows = _rows(real_data / CHICAGO)
    licences = Counter(row["LICENSE NUMBER"] for row in rows)
    assert (len(rows), len(licences)) == (255, 88)
    found = db.execute(
        "select count(*), count(distinct licence_no), max(term_start_date) from fct_licence_term where city = 'Chicago'"
    ).fetchone()
    starts = [datetime.strptime(row["LICENSE TERM START DATE"], "%m/%d/%Y").date() for row in rows]  # noqa: DTZ007
    assert found == (len(rows), len(licences), max(starts))
    by_type = db.execute("select licence_type, terms from mart_licence_type where city = 'Chicago'").fetchall()
    assert dict(by_type) == Counter(row["LICENSE DESCRIPTION"] for row in rows)


def test_one_data_set_under_two_headers(released: Released, db: duckdb.DuckDBPyConnection, real_data: Path) -> None:
    old, new = _rows(real_data / NYC / "311_2016_export.csv"), _rows(real_data / NYC / "311_2023_soda.csv")
    assert (len(old), len(old[0]), len(new), len(new[0])) == (117, 53, 500, 44)
    assert [(d.outcome, d.received, d.quarantined) for d in released.deliveries["nyc311.requests"]] == [
        ("accepted", 117, 0),
        ("accepted", 500, 0),
    ]
    found = db.execute(
        "select year(timezone('America/New_York', created_at)), complaint_type, count(*) "
        "from fct_service_request group by all"
    ).fetchall()
    expected = Counter((int(row["Created Date"][6:10]), row["Complaint Type"]) for row in old)
    expected.update((int(row["created_date"][:4]), row["complaint_type"]) for row in new)
    assert {(year, kind): count for year, kind, count in found} == dict(expected)
    request = db.execute(
        "select strftime(timezone('America/New_York', closed_at), '%m/%d/%Y %I:%M:%S %p'), latitude, "
        "open_data_channel_type "
        f"from fct_service_request where unique_key = {int(old[0]['Unique Key'])}"
    ).fetchone()
    assert request == (old[0]["Closed Date"], float(old[0]["Latitude"]), None)


def test_the_old_header_ends_and_a_mixed_one_is_refused(released: Released, real_data: Path, tmp_path: Path) -> None:
    import os

    contract = released.lake.contracts["nyc311.requests"]
    text = (real_data / NYC / "311_2016_export.csv").read_text(encoding="utf-8")
    for name, content, message in (
        ("late.csv", text, "the variant 'portal_export', which is accepted for content up to 2020-12-31"),
        (
            "mixed.csv",
            text.replace("Created Date", "created_date", 1),
            "missing 'Created Date'; not in the contract 'created_",
        ),
    ):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        os.utime(path, (datetime(2023, 6, 1, tzinfo=UTC).timestamp(),) * 2)
        interval: Interval = contract.calendar.meeting(date(2022, 6, 1))[0]
        delivery = ingest_file(released.lake, contract, path, interval)
        assert (delivery.outcome, message in str(delivery.message)) == ("refused", True), delivery
