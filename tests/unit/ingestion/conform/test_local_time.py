"""Local times at changes of clocks: none, one or two moments, against Python's zoneinfo (docs/adr/0018)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import duckdb
import pytest

from ingestion.conform import local_time
from ingestion.contract.extension import CalendarSpec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = (
    "Asia/Shanghai", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu",
    "Africa/Casablanca", "America/Sao_Paulo", "America/Havana", "America/St_Johns", "UTC",
)  # fmt: skip
AROUND = (0, 1e-6, -1e-6, 60, -60, 1800, -1800, 3600, -3600, 86_399, 86_400, -86_400, 2 * 86_400, -2 * 86_400)


def moments(zone: ZoneInfo, reading: datetime) -> list[datetime]:
    """Every moment at which clocks of the zone show a reading: the reference."""
    found = {reading.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(one for one in found if one.astimezone(zone).replace(tzinfo=None) == reading)


def transitions(name: str, first: int = 1900, last: int = 2038, step: int = 7 * 86_400) -> list[tuple[int, int, int]]:
    """(seconds since 1970, offset before, offset after) by bisection of `utcoffset`."""
    zone = ZoneInfo(name)

    def offset(second: int) -> int:
        return int(((EPOCH + timedelta(seconds=second)).astimezone(zone).utcoffset() or timedelta()).total_seconds())

    found, at = [], int((datetime(first, 1, 1, tzinfo=UTC) - EPOCH).total_seconds())
    end = int((datetime(last, 1, 1, tzinfo=UTC) - EPOCH).total_seconds())
    before = offset(at)
    while at < end:
        low, high = at, min(at + step, end)
        if offset(high) == before:
            at = high
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == before else (low, middle)
        found.append((high, before, offset(high)))
        at, before = high, offset(high)
    return found


@pytest.fixture(scope="module")
def engine() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 1})
    local_time.install(connection)
    connection.execute("set timezone = 'UTC'")
    return connection


@pytest.mark.parametrize("name", ZONES)
def test_every_change_of_clocks_from_1900_to_2037_is_read_as_zoneinfo_reads_it(
    engine: duckdb.DuckDBPyConnection, name: str
) -> None:
    zone = ZoneInfo(name)
    readings = [
        datetime(1970, 1, 1) + timedelta(seconds=second + offset + delta)  # noqa: DTZ001 - a reading of clocks
        for second, *offsets in transitions(name)
        for offset in offsets
        for delta in AROUND
    ]
    years = (1899, 1905, 1950, 1999, 2030, 2050, 2150, 9000)
    readings += [datetime(year, month, 3, 12) for year in years for month in range(1, 13)]  # noqa: DTZ001
    far = local_time.is_far_from_change("v", name) or "true"
    rows = engine.execute(
        f"""
        select
            r, epoch_us(citylake_instant($zone, r, 'earlier')), epoch_us(citylake_instant($zone, r, 'later')),
            epoch_us(citylake_instant($zone, r, 'refuse')), case when {far} then epoch_us(v) end, {far}
        from (select r, timezone($zone, r) as v from (select unnest($readings::timestamp[]) as r))
        """,
        {"zone": name, "readings": readings},
    ).fetchall()
    for reading, earlier, later, only, is_far_from_change, is_quiet in rows:
        found = [(one - EPOCH) // timedelta(microseconds=1) for one in moments(zone, reading)]
        wanted = (found[0] if found else None, found[-1] if found else None, found[0] if len(found) == 1 else None)
        assert (earlier, later, only) == wanted, reading
        assert not is_quiet or [is_far_from_change] == found, reading
    assert any(is_quiet for *_, is_quiet in rows)


def test_no_zone_changes_its_clocks_twice_within_days(engine: duckdb.DuckDBPyConnection) -> None:
    """What `local_time` counts on. Some twenty zones of the database here; all of them held when this was written."""
    names = [name for name in sorted(available_timezones()) if "/" in name and not name.startswith("Etc/")][::25]
    nearest = engine.execute(
        """
        with days as (select unnest($zones) as zone, day from (select unnest(range($first, $last, $day)) as day)),
        known as (select zone, day, epoch_us(timezone(zone, make_timestamptz(day))) - day as ahead from days),
        changed as (
            select zone, day from known qualify ahead <> lag(ahead) over (partition by zone order by day)
        ),
        between_changes as (select day - lag(day) over (partition by zone order by day) as apart from changed)
        select min(apart) from between_changes
        """,
        {"zones": names, "first": local_time._FIRST, "last": local_time._LAST, "day": local_time._DAY},
    ).fetchone()
    assert nearest is not None and nearest[0] > local_time._STEP + local_time._DAY


SHANGHAI = [
    ("1986-05-04 01:59:59.999999", ["1986-05-03T17:59:59.999999"], None),
    ("1986-05-04 02:00:00", [], None),
    ("1986-05-04 02:30:00.5", [], None),
    ("1986-05-04 03:00:00", ["1986-05-03T18:00:00"], None),
    ("1986-09-14 00:59:59", ["1986-09-13T15:59:59"], None),
    ("1986-09-14 01:00:00", ["1986-09-13T16:00:00", "1986-09-13T17:00:00"], None),
    ("1986-09-14 01:59:59.999999", ["1986-09-13T16:59:59.999999", "1986-09-13T17:59:59.999999"], None),
    ("1986-09-14 02:00:00", ["1986-09-13T18:00:00"], None),
    ("1986-09-14 01:30:00+09:00", ["1986-09-13T16:30:00"], "1986-09-14 01:30:00+0900"),
    ("1986-09-14T01:30:00+08", ["1986-09-13T17:30:00"], None),
    ("1986-05-03T18:30:00Z", ["1986-05-03T18:30:00"], None),
    ("1940-06-01", [], None),
    ("2026-03-02", ["2026-03-01T16:00:00"], None),
    ("1991-09-14 24:00:00", ["1991-09-14T15:00:00"], None),
]


@pytest.mark.parametrize("choice", ["refuse", "earlier", "later"])
def test_a_column_takes_the_moment_there_is_and_refuses_the_others(make: Any, choice: str) -> None:
    spec = {} if choice == "refuse" else {"ambiguous_time": choice}
    table = make.table(make.column("at", "TIMESTAMPTZ", **spec), event_time="at")
    text = "\n".join(["at", *(sent for sent, *_ in SHANGHAI)])
    found = make.conform(make.contract(table), f"{text}\n".encode()).tables["t"]
    wanted = []
    for _, moments_, _ in SHANGHAI:
        if len(moments_) == 1 or (moments_ and choice != "refuse"):
            wanted.append(datetime.fromisoformat(moments_[-1 if choice == "later" else 0]).replace(tzinfo=UTC))
    read = [row["at"] for row in make.rows(found.bronze, "at")]
    assert sorted(set(read)) == sorted(set(wanted))
    assert found.rules == {"at.type": sum(not m or (len(m) == 2 and choice == "refuse") for _, m, _ in SHANGHAI)}


@pytest.mark.parametrize(
    ("spec", "sent", "real"),
    [
        ({"format": "%Y%m%d%H%M"}, ("198605040230", "198605040159", "198609140130"), 1),
        ({"format": "%Y/%m/%d %H:%M:%S.%f"}, ("1986/05/04 02:30:00.25", "1986/05/04 03:00:00.25"), 1),
        ({"format": "excel_serial"}, ("31536.104166666668", "31536.5", "31669.0625"), 1),
        ({"format": "excel_serial_1904"}, ("30074.104166666668", "30074.5"), 1),
        ({"format": "%Y-%m-%d %H:%M:%S%z"}, ("1986-05-04 02:30:00+0800", "1986-09-14 01:30:00+0900"), 2),
        ({"timezone": "America/New_York"}, ("2026-03-08 02:30:00", "2026-11-01 01:30:00", "2026-11-01 01:30:00-05"), 1),
        ({"timezone": "Australia/Lord_Howe"}, ("2026-10-04 02:15:00", "2026-04-05 01:45:00", "2026-04-05 02:00:00"), 1),
        ({"timezone": "Pacific/Apia"}, ("2011-12-30 12:00:00", "2011-12-29 23:59:59", "2011-12-31 00:00:00"), 2),
        ({"timezone": "America/Sao_Paulo"}, ("2018-11-04", "2018-11-04 00:59:59", "2018-11-04 01:00:00"), 1),
        ({"timezone": "Asia/Kathmandu"}, ("1986-01-01 00:07:00", "1986-01-01 00:15:00"), 1),
    ],
)
def test_in_every_format_and_zone(make: Any, spec: dict[str, str], sent: tuple[str, ...], real: int) -> None:
    table = make.table(make.column("at", "TIMESTAMPTZ", **spec))
    found = make.conform(make.contract(table), "\n".join(["at", *sent, ""]).encode()).tables["t"]
    assert (found.accepted, found.rules.get("at.type", 0)) == (real, len(sent) - real)


def test_a_reading_refused_by_the_format_that_fits_is_not_read_by_the_next(make: Any) -> None:
    """Else 4 May, which lacks the hour, became 5 April."""
    column = make.column("at", "TIMESTAMPTZ", formats=["%Y-%m-%d %H:%M", "%Y-%d-%m %H:%M", "%Y-%m-%d %H:%M%z"])
    found = make.conform(
        make.contract(make.table(column)),
        b"at\n1986-05-04 02:30\n1986-25-12 02:30\n1986-09-14 01:30+0900\n1986-09-14 01:30\n",
    ).tables["t"]
    assert make.refused(found.quarantine) == [(1, ["at.type"]), (4, ["at.type"])]
    assert [row["at"].isoformat() for row in make.rows(found.bronze, "at")] == [
        "1986-12-24T18:30:00+00:00", "1986-09-13T16:30:00+00:00"
    ]  # fmt: skip


def test_both_hours_of_a_doubled_one_with_their_offsets_are_two_keys(make: Any) -> None:
    table = make.table(make.column("at", "TIMESTAMPTZ", primary_key=1, required=True), make.column("n", "INTEGER"))
    sent = b"at,n\n1986-09-14 01:30:00+09:00,1\n1986-09-14 01:30:00+08:00,2\n"
    found = make.conform(make.contract(table), sent).tables["t"]
    assert (found.accepted, found.quarantined) == (2, 0)


@pytest.mark.parametrize(
    "expression",
    [
        "make_timestamptz(y, 5, d, h, 30, 0, 'Asia/Shanghai')",
        "make_timestamptz(y, 5, d, h, 30, 0)",
        "timezone('Asia/Shanghai', make_timestamp(y, 5, d, h, 30, 0))",
        "make_timestamp(y, 5, d, h, 30, 0) at time zone zone",
        "cast(make_timestamp(y, 5, d, h, 30, 0) as timestamptz)",
        "make_timestamp(y, 5, d, h, 30, 0)",
        "coalesce(null, concat(y, '-05-', d, ' ', h, ':30:00')::TIMESTAMP WITH TIME ZONE)",
        "case when y > 0 then timezone('UTC', timezone('UTC', make_timestamp(y, 5, d, h, 30, 0)::timestamptz)) end",
    ],
)
def test_a_derived_time_is_read_as_exactly(make: Any, expression: str) -> None:
    columns = [make.column(name, "INTEGER") for name in ("y", "d", "h")]
    at = make.column("at", "TIMESTAMPTZ", source=None, transform=expression)
    table = make.table(*columns, make.column("zone"), at, event_time="at")
    rows = b"1986,4,2,Asia/Shanghai\n1986,4,3,Asia/Shanghai\n2026,4,2,Asia/Shanghai\n2026,32,2,Asia/Shanghai\n"
    found = make.conform(make.contract(table), b"y,d,h,zone\n" + rows).tables["t"]
    assert make.refused(found.quarantine) == [(1, ["at.type"]), (4, ["at.type"])]
    assert found.days == {"1986-05-04": 1, "2026-05-04": 1}


@pytest.mark.parametrize(("choice", "hour"), [("earlier", 16), ("later", 17)])
def test_a_derived_time_that_came_twice_is_the_one_the_contract_says(make: Any, choice: str, hour: int) -> None:
    text = make.column("sent")
    at = make.column("at", "TIMESTAMPTZ", None, transform="cast(sent as timestamptz)", ambiguous_time=choice)
    found = make.conform(make.contract(make.table(text, at)), b"sent\n1986-09-14 01:30:00\n").tables["t"]
    assert [row["at"] for row in make.rows(found.bronze, "at")] == [datetime(1986, 9, 13, hour, 30, tzinfo=UTC)]


def test_a_doubled_hour_is_made_coarser_to_its_own_beginning(make: Any) -> None:
    """DuckDB's date_trunc gave the second 01:00 for both: a time after the event."""
    column = make.column("at", "TIMESTAMPTZ", deidentify=make.deidentify("generalise", to="hour"))
    contract = make.contract(
        make.table(column, event_time="at"),
        calendar=CalendarSpec(every="day", timezone="America/New_York", start="2026-01-01"),
    )
    found = make.conform(contract, b"at\n2026-11-01 05:30:00Z\n2026-11-01 06:40:00Z\n2026-03-08 07:10:00Z\n").tables[
        "t"
    ]
    assert [f"{row['at']:%m-%dT%H:%M}" for row in make.rows(found.bronze, "at")] == [
        "11-01T05:00", "11-01T06:00", "03-08T07:00"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "sent", "began"),
    [
        ("Australia/Lord_Howe", "2026-10-03T15:40:00", "2026-10-03T15:30:00"),
        ("Asia/Kathmandu", "2026-03-01T00:10:00", "2026-02-28T23:15:00"),
        ("Pacific/Apia", "2011-12-30T10:10:00", "2011-12-30T10:00:00"),
    ],
)
def test_an_hour_begins_where_the_local_hour_does(make: Any, zone: str, sent: str, began: str) -> None:
    column = make.column("at", "TIMESTAMPTZ", deidentify=make.deidentify("generalise", to="hour"))
    contract = make.contract(make.table(column), calendar=CalendarSpec(every="day", timezone=zone, start="2026-01-01"))
    found = make.conform(contract, f"at\n{sent}Z\n".encode()).tables["t"]
    assert [row["at"] for row in make.rows(found.bronze, "at")] == [datetime.fromisoformat(began).replace(tzinfo=UTC)]


@pytest.mark.parametrize("to", ["date", "month"])
def test_a_day_without_a_midnight_stays_that_day(make: Any, to: str) -> None:
    column = make.column("at", "TIMESTAMPTZ", deidentify=make.deidentify("generalise", to=to))
    for zone, sent, day in (
        ("America/Sao_Paulo", "2018-11-04 12:00:00Z", "2018-11-04"),
        ("Pacific/Apia", "2011-12-31 12:00:00Z", "2012-01-01"),
    ):
        contract = make.contract(
            make.table(column), calendar=CalendarSpec(every="day", timezone=zone, start="2026-01-01")
        )
        found = make.conform(contract, f"at\n{sent}\n".encode()).tables["t"]
        (row,) = make.rows(found.bronze, "at")
        assert row["at"].isoformat() == (day if to == "date" else f"{day[:7]}-01")


def test_far_from_a_change_the_text_is_read_once() -> None:
    """A settled zone costs one comparison; one that never changes costs none."""
    assert local_time.is_far_from_change("v", "UTC") is None
    condition = local_time.is_far_from_change("v", "Asia/Shanghai") or ""
    assert condition.startswith("case when v >= timestamptz '1991-09-")


def test_a_format_that_names_zones_by_words_is_refused() -> None:
    from ingestion.contract import date_formats

    assert "%z" in (date_formats.problem("%Y-%m-%d %H:%M %Z", "TIMESTAMPTZ") or "")
    assert date_formats.problem("%Y-%m-%d %H:%M%z", "TIMESTAMPTZ") is None
