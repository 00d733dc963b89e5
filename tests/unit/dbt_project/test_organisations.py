"""Organisations over time: versions, codes that two claim, mergers, deletions, and the numbers that mean them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.examples import a_part
from tests.unit.dbt_project.registers import organisations, state

CODE, OTHER, THIRD = "91442000MA4W000110", "91442000MA51AB2C27", "92442000MA4X12347C"


def rows(db: duckdb.DuckDBPyConnection, columns: str, rest: str = "") -> list[tuple[Any, ...]]:
    return db.execute(f"select {columns} from dim_organisation {rest} order by all").fetchall()


def versions(db: duckdb.DuckDBPyConnection, column: str) -> list[tuple[str, str | None, Any]]:
    return db.execute(
        f"select strftime(valid_from_date, '%m-%d'), strftime(valid_to_date, '%m-%d'), {column} "
        "from dim_organisation order by organisation_id, valid_from_date"
    ).fetchall()


def test_a_version_is_a_run_of_equal_states_and_a_change_back_is_a_third() -> None:
    names = ["甲", "甲", "乙", "甲", "甲"]
    db = organisations(state(f"2026-03-{2 + n:02} 10:00", entity_name=name) for n, name in enumerate(names))
    assert versions(db, "entity_name") == [("03-02", "03-04", "甲"), ("03-04", "03-05", "乙"), ("03-05", None, "甲")]
    assert rows(db, "count(*)", "where is_current") == [(1,)]


def test_a_version_begins_with_its_approval_unless_the_state_before_was_still_recorded_then() -> None:
    db = organisations(
        [
            state("2026-03-02 10:00", entity_name="甲", approved_date=date(2026, 1, 5)),
            # Approved three days before it was recorded.
            state("2026-03-09 10:00", entity_name="乙", approved_date=date(2026, 3, 6)),
            # The approval is that of the state before: the change is known from the day it was recorded.
            state("2026-03-16 10:00", entity_name="乙", status="吊销", approved_date=date(2026, 3, 6)),
            # An approval in the future cannot be right.
            state("2026-03-20 10:00", entity_name="丙", approved_date=date(2026, 5, 1)),
        ]
    )
    assert versions(db, "entity_name || status") == [
        ("01-05", "03-06", "甲存续"),
        ("03-06", "03-16", "乙存续"),
        ("03-16", "03-20", "乙吊销"),
        ("03-20", None, "丙存续"),
    ]


def test_states_read_twice_and_delivered_out_of_order_change_nothing() -> None:
    days = [
        state("2026-03-02 23:30", entity_name="甲"),
        state("2026-03-02 23:50", entity_name="乙"),
        state("2026-03-04 09:00", entity_name="丙"),
    ]
    overlap = [{**one, "_batch_id": "20260303T000000Z-1"} for one in days[:2]]
    late = [days[2], *overlap, days[1], days[0]]
    assert versions(organisations(days), "entity_name") == [("03-02", "03-04", "乙"), ("03-04", None, "丙")]
    assert rows(organisations(days), "* exclude (_batch_id)") == rows(organisations(late), "* exclude (_batch_id)")


def test_the_active_entity_owns_a_code_and_of_several_the_one_approved_last() -> None:
    db = organisations(
        [
            state("2026-03-02 10:00", entity_no="A", uscc=CODE, approved_date=date(2026, 3, 2)),
            state("2026-03-02 10:00", entity_no="B", uscc=CODE, approved_date=date(2020, 1, 1)),
            state("2026-03-03 10:00", entity_no="A", uscc=CODE, status="注销"),
            state("2026-03-02 10:00", entity_no="C", uscc=OTHER, approved_date=date(2020, 1, 1)),
            state("2026-03-02 10:00", entity_no="D", uscc=OTHER, approved_date=date(2021, 1, 1)),
        ]
    )
    assert rows(db, "entity_no, uscc, registered_uscc, is_code_conflict", "where is_current") == [
        ("A", None, CODE, True),
        ("B", CODE, CODE, False),
        ("C", None, OTHER, True),
        ("D", OTHER, OTHER, False),
    ]
    ids = db.execute("select organisation_id = md5(coalesce(uscc, entity_no)) from dim_organisation").fetchall()
    assert set(ids) == {(True,)}


def test_a_code_given_later_names_the_whole_history() -> None:
    """And stays where a later state leaves it out."""
    db = organisations(
        [
            state("2026-03-02 10:00", registration_no="442000000000001"),
            state("2026-03-03 10:00", registration_no="442000000000001", uscc=CODE),
            state("2026-03-04 10:00", registration_no="442000000000001"),
        ]
    )
    assert rows(db, "distinct organisation_id = md5(uscc), uscc") == [(True, CODE)]
    assert versions(db, "registered_uscc") == [
        ("03-02", "03-03", None),
        ("03-03", "03-04", CODE),
        ("03-04", None, None),
    ]


def test_deleted_is_what_the_newest_register_lacks_and_could_have_seen() -> None:
    states = [
        state("2026-03-02 10:00", entity_no="kept"),
        state("2026-03-02 10:00", entity_no="deleted"),
        state("2026-03-01 10:00", entity_no="deleted", entity_name="旧"),
        state("2026-03-08 10:00", entity_no="newer than the register"),
    ]
    register = [("kept", "2026-03-02 10:00"), ("never delivered", "2026-03-07 10:00")]
    found = rows(organisations(states, register), "entity_no, is_current, is_deleted")
    assert found == [
        ("deleted", False, False),
        ("deleted", True, True),
        ("kept", True, False),
        ("newer than the register", True, False),
    ]
    assert rows(organisations(states), "distinct is_deleted") == [(False,)], "without a register nothing is known"


def test_a_deleted_entity_loses_its_code_to_one_that_is_there() -> None:
    states = [
        state("2026-03-03 10:00", entity_no="deleted", uscc=CODE),
        state("2026-03-02 10:00", entity_no="there", uscc=CODE),
    ]
    db = organisations(states, [("there", "2026-03-04 10:00")])
    assert rows(db, "entity_no, uscc, is_code_conflict") == [("deleted", None, True), ("there", CODE, False)]


def merged(number: str, code: str, successor: str | None) -> dict[str, Any]:
    status = "合并" if successor else "存续"
    return state("2026-03-02 10:00", entity_no=number, uscc=code, successor_uscc=successor, status=status)


def successors(db: duckdb.DuckDBPyConnection) -> dict[str, str | None]:
    return dict(
        db.execute(
            "select one.uscc, next.uscc from dim_organisation as one "
            "left join dim_organisation as next on one.successor_organisation_id = next.organisation_id"
        ).fetchall()
    )


def test_mergers_are_followed_to_their_end() -> None:
    """Through 300 of them; a circle ends, a successor nobody registered is no end, and nobody succeeds itself."""
    chain = [merged(f"C{n}", f"C{n}", f"C{n + 1}") for n in range(300)] + [merged("C300", "C300", None)]
    others = [
        merged("X", "X", "Y"),
        merged("Y", "Y", "Z"),
        merged("Z", "Z", "Y"),
        merged("U", "U", "V"),
        merged("V", "V", "unknown"),
        merged("S", "S", "S"),
    ]
    found = successors(organisations([*chain, *others]))
    assert [found[f"C{n}"] for n in range(301)] == ["C300"] * 300 + [None]
    assert [found[name] for name in "XYZUVS"] == [None, None, None, "V", None, None]


def test_codes_are_checked_and_exceptions_dated() -> None:
    issued = "91350100M0001TGQXM"
    db = organisations(
        [
            state("2026-03-02 10:00", entity_no="good", uscc=CODE),
            state("2026-03-02 10:00", entity_no="bad", uscc=CODE[:-1] + "1"),
            state("2026-03-02 10:00", entity_no="issued", uscc=issued),
            state("2014-03-02 10:00", entity_no="issued", uscc=issued, entity_name="旧"),
            state("2015-03-02 10:00", entity_no="issued", uscc=issued, entity_name="中"),
            state("2026-03-02 10:00", entity_no="none"),
        ]
    )
    assert rows(db, "entity_no, is_uscc_valid, is_uscc_exception") == [
        ("bad", False, False),
        ("good", True, False),
        ("issued", False, False),
        ("issued", False, True),
        ("issued", False, True),
        ("none", None, False),
    ]


def identified(db: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], tuple[str | None, str, float, int]]:
    """(kind, identifier) to entity, method, confidence and number of organisations with the best claim."""
    found = db.execute(
        "select identifier_kind, identifier, entity_no, method, confidence, organisations "
        "from dim_organisation_identifier left join int_organisation_entity using (organisation_id)"
    ).fetchall()
    return {(kind, text): (entity, method, float(confidence), n) for kind, text, entity, method, confidence, n in found}


def test_numbers_of_then_and_now_mean_the_organisation() -> None:
    found = identified(
        organisations(
            [
                state(
                    "2026-03-02 10:00",
                    registration_no="442000000000001",
                    organisation_code="12345678-X",
                    tax_no="44200012345678X",
                    entity_name="旧名",
                ),
                state("2026-03-03 10:00", uscc=CODE, tax_no=CODE, entity_name="新名", former_name="更旧名"),
            ]
        )
    )
    assert found == {
        ("uscc", CODE): ("E1", "registered", 1.0, 1),
        ("tax_no", CODE): ("E1", "from_uscc", 1.0, 1),
        ("tax_no", "44200012345678X"): ("E1", "former", 0.9, 1),
        ("organisation_code", CODE[8:17]): ("E1", "from_uscc", 1.0, 1),
        ("organisation_code", "12345678X"): ("E1", "former", 0.9, 1),
        ("registration_no", "442000000000001"): ("E1", "former", 0.9, 1),
        ("name", "新名"): ("E1", "registered", 0.6, 1),
        ("name", "旧名"): ("E1", "former", 0.4, 1),
        ("name", "更旧名"): ("E1", "former", 0.4, 1),
    }


def test_an_identifier_of_two_means_none_of_them_unless_one_has_the_better_claim() -> None:
    found = identified(
        organisations(
            [
                state("2026-03-02 10:00", entity_no="A", registration_no="1", entity_name="同名"),
                state("2026-03-02 10:00", entity_no="B", registration_no="1", entity_name="同名"),
                state("2026-03-03 10:00", entity_no="B", registration_no="2", entity_name="别名"),
                state("2026-03-02 10:00", entity_no="C", uscc=CODE, entity_name="别名"),
                state("2026-03-02 10:00", entity_no="D", organisation_code=CODE[8:17], entity_name="丁"),
            ]
        )
    )
    assert found["registration_no", "1"] == ("A", "registered", 1.0, 1), "B had it once"
    assert found["name", "同名"] == ("A", "registered", 0.6, 1)
    assert found["name", "别名"] == (None, "registered", 0.6, 2)
    assert found["organisation_code", CODE[8:17]] == (None, "from_uscc", 1.0, 2)


def test_a_code_that_another_owns_means_its_owner_and_a_former_code_who_had_it() -> None:
    found = identified(
        organisations(
            [
                state("2026-03-02 10:00", entity_no="owner", uscc=CODE, approved_date=date(2026, 3, 2)),
                state(
                    "2026-03-02 10:00",
                    entity_no="other",
                    uscc=CODE,
                    organisation_code=CODE[8:17],
                    tax_no=CODE,
                    approved_date=date(2020, 3, 2),
                ),
                state("2026-03-02 10:00", entity_no="renumbered", uscc=OTHER),
                state("2026-03-05 10:00", entity_no="renumbered", uscc=THIRD),
            ]
        )
    )
    assert found["uscc", CODE] == ("owner", "registered", 1.0, 1)
    assert found["organisation_code", CODE[8:17]] == ("owner", "from_uscc", 1.0, 1)
    assert found["tax_no", CODE] == ("owner", "from_uscc", 1.0, 1)
    assert found["uscc", OTHER] == ("renumbered", "former", 0.9, 1)
    assert found["uscc", THIRD] == ("renumbered", "registered", 1.0, 1)


def test_tax_numbers_of_sole_traders_are_left_out() -> None:
    """Theirs are made of the trader's identity number."""
    found = identified(
        organisations([state("2026-03-02 10:00", entity_kind="个体工商户", tax_no="44200019900101123300")])
    )
    assert [kind for kind, _ in found] == ["name"]


STATES = st.lists(
    st.builds(
        lambda entity, hour, name, code, lag, batch: state(
            f"{datetime(2026, 3, 1) + timedelta(hours=hour):%Y-%m-%d %H:%M}",  # noqa: DTZ001 - the city's wall clock
            entity_no=entity,
            entity_name=name,
            uscc=code,
            approved_date=(datetime(2026, 3, 1) + timedelta(hours=hour, days=-lag)).date(),  # noqa: DTZ001 - as above
            _batch_id=batch,
        ),
        st.sampled_from("AB"),
        st.integers(0, 24 * 12),
        st.sampled_from("甲乙丙"),
        st.sampled_from([None, CODE]),
        st.integers(-2, 6),
        st.sampled_from("123"),
    ),
    min_size=1,
    max_size=12,
)


def expected(states: list[dict[str, Any]], entity: str) -> list[tuple[date, str, str | None]]:
    """Versions of one entity as (start, name, code), told a state at a time."""
    of_day: dict[date, dict[str, Any]] = {}
    for one in sorted((s for s in states if s["entity_no"] == entity), key=lambda s: (s["updated_at"], s["_batch_id"])):
        of_day[one["updated_date"]] = one
    found: list[tuple[date, str, str | None]] = []
    before: date | None = None
    for day, one in of_day.items():
        said = (one["entity_name"], one["uscc"])
        if not found or found[-1][1:] != said:
            approved = one["approved_date"]
            believed = approved <= day and (before is None or approved > before)
            found.append((approved if believed else day, *said))
        before = day
    return found


@settings(max_examples=a_part(0.3))
@given(STATES)
def test_any_history_gives_the_versions_told_one_state_at_a_time(states: list[dict[str, Any]]) -> None:
    # Two states of one moment in one delivery cannot be: the source view keeps one row an entity and delivery.
    states = list({(s["entity_no"], s["updated_at"], s["_batch_id"]): s for s in states}.values())
    db = organisations(states)
    for entity in {s["entity_no"] for s in states}:
        found = db.execute(
            "select valid_from_date, valid_to_date, is_current, entity_name, registered_uscc from dim_organisation "
            "where entity_no = ? order by valid_from_date",
            [entity],
        ).fetchall()
        assert [(start, name, code) for start, _, _, name, code in found] == expected(states, entity)
        starts = [start for start, *_ in found]
        assert starts == sorted(set(starts))
        assert [end for _, end, *_ in found] == [*starts[1:], None]
        assert [current for _, _, current, *_ in found] == [False] * (len(found) - 1) + [True]
    assert rows(db, "count(distinct organisation_id) = count(*)", "where is_current") == [(True,)]
    assert len(rows(db, "uscc", "where is_current and uscc is not null")) <= 1, "one owner of the code"
    assert rows(db, "*") == rows(organisations(reversed(states)), "*")
