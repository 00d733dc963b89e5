"""Refuse by default: what is not proven good does not pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ingestion.contract.problem import Problem
from ingestion.errors import ConfigurationError
from tests.support.lakes import contract
from tests.support.small_city import SmallCity, changed, check
from warehouse.build.report import BuildReport
from warehouse.gate.decide import gate
from warehouse.gate.explain import Explained, explain
from warehouse.gate.record import latest
from warehouse.release import layout
from warehouse.verdict import Verdict

ACCEPTED = """
accepted_failures:
  - check: {check}
    product: {product}
    owner: food data steward
    reason: known gap
    max_failures: {cap}
    expires: 2026-06-30
"""


@pytest.fixture
def city(tmp_path: Path) -> SmallCity:
    return SmallCity(tmp_path / "lake-home")


def verdict(city: SmallCity, report: BuildReport, product: str, **options: Any) -> Verdict:
    return next(v for v in gate(city.lake, report, **options) if v.product == product)


def without(report: BuildReport, *names: str) -> BuildReport:
    return report.model_copy(update={"checks": [c for c in report.checks if c.name not in names]})


def test_a_complete_build_passes_every_product(city: SmallCity) -> None:
    verdicts = gate(city.lake, city.build())
    assert {v.product: v.decision for v in verdicts} == {"food": "passed", "places": "passed", "weather": "passed"}
    assert all(v.reasons == [] and v.score == 1 for v in verdicts)


def test_zero_checks_refuse(city: SmallCity) -> None:
    judged = verdict(city, city.build(checks=[]), "weather")
    assert judged.decision == "blocked"
    assert "no key check ran" in " ".join(judged.reasons)


@pytest.mark.parametrize("kind", ["key", "freshness", "reconciliation"])
def test_a_missing_expected_check_refuses(city: SmallCity, kind: str) -> None:
    judged = verdict(city, without(city.build(), f"{kind}_fct_inspection"), "food")
    assert judged.decision == "blocked"
    assert any(f"no {kind} check ran" in reason for reason in judged.reasons)


@pytest.mark.parametrize("status", ["error", "skipped", "failed", "a new word", None])
def test_any_other_status_than_passed_or_warned_refuses(city: SmallCity, status: str | None) -> None:
    judged = verdict(city, changed(city.build(), "key_fct_inspection", status=status, failures=1), "food")
    assert judged.decision == "blocked"


def test_a_warned_check_passes(city: SmallCity) -> None:
    judged = verdict(city, changed(city.build(), "key_fct_inspection", status="warned", failures=1), "food")
    assert judged.decision == "passed"


def test_a_pass_with_failures_refuses(city: SmallCity) -> None:
    assert verdict(city, changed(city.build(), "key_fct_inspection", failures=2), "food").decision == "blocked"


@pytest.mark.parametrize("status", ["error", "skipped", "failed"])
def test_a_model_that_was_not_built_refuses(city: SmallCity, status: str) -> None:
    judged = verdict(city, changed(city.build(), "mart_weather", status=status), "weather")
    assert any("mart_weather" in reason for reason in judged.reasons)


def test_checks_over_no_rows_refuse(city: SmallCity) -> None:
    city.inspections = {}
    judged = verdict(city, city.build(), "food")
    assert judged.decision == "blocked"
    assert any("looked at a row" in reason for reason in judged.reasons)


def test_no_rows_pass_where_the_feed_says_no_data(city: SmallCity) -> None:
    city.inspections = {}
    city.deliver("office.visit", "2026-03-05", "no_data")
    assert verdict(city, city.build(), "food").decision == "passed"


def test_an_uncounted_table_is_no_proof_of_rows(city: SmallCity) -> None:
    report = changed(city.build(), "dim_town", rows=None)
    assert verdict(city, report, "places").decision == "blocked"


def test_a_failed_staging_check_blocks_only_the_products_that_read_it(city: SmallCity) -> None:
    report = city.build()
    report.checks.append(check("stg_key", "key", None, "stg_wx", status="failed", failures=3))
    assert {v.product: v.decision for v in gate(city.lake, report)} == {
        "food": "passed", "places": "passed", "weather": "blocked",
    }  # fmt: skip


def test_a_public_model_without_a_product_is_refused(city: SmallCity) -> None:
    judged = verdict(city, changed(city.build(), "dim_town", product=None), "unassigned")
    assert judged.decision == "blocked"


def test_a_refused_delivery_blocks_with_its_receipts_message_until_a_corrected_one(city: SmallCity) -> None:
    city.deliver("office.visit", "2026-03-05", "refused", "60 % of the rows break rules")
    judged = verdict(city, city.build(), "food")
    assert judged.decision == "blocked"
    assert "60 % of the rows break rules" in judged.reasons[0]
    assert verdict(city, city.build(), "weather").decision == "passed"
    city.add_day("2026-03-05")
    assert verdict(city, city.build(), "food").decision == "passed"


def test_a_held_correction_is_a_warning_while_the_earlier_delivery_stands(city: SmallCity) -> None:
    city.deliver("office.visit", "2026-03-03", "held", "would lose 40 % of the keys")
    judged = verdict(city, city.build(), "food")
    assert judged.decision == "passed"
    assert [c.status for c in judged.checks if c.kind == "delivery"] == ["warned"]


def test_a_refused_delivery_outside_the_window_or_after_the_day_judged_does_not_block(city: SmallCity) -> None:
    city.deliver("office.visit", "2025-11-01", "refused", "old")
    city.deliver("office.visit", "2026-03-07", "refused", "tomorrow's")
    assert verdict(city, city.build(), "food").decision == "passed"


def test_a_later_snapshot_stands_for_a_refused_one(city: SmallCity) -> None:
    city.deliver("office.town", "2026-03-03", "refused", "html page")
    assert verdict(city, city.build(), "places").decision == "blocked"
    city.deliver("office.town", "2026-03-04")
    assert verdict(city, city.build(), "places").decision == "passed"


def test_what_reads_a_blocked_product_is_blocked_and_names_it(city: SmallCity) -> None:
    report = changed(city.build(), "fct_inspection", upstream_products=["places"])
    report = changed(report, "mart_weather", upstream_products=["food"])
    verdicts = {v.product: v for v in gate(city.lake, changed(report, "key_dim_town", status="failed", failures=1))}
    assert {p: v.decision for p, v in verdicts.items()} == dict.fromkeys(("food", "places", "weather"), "blocked")
    assert "product:places" in verdicts["food"].reasons[0]
    assert "product:food" in verdicts["weather"].reasons[0]


def test_an_unknown_upstream_product_refuses(city: SmallCity) -> None:
    report = changed(city.build(), "fct_inspection", upstream_products=["tax"])
    assert "no verdict" in verdict(city, report, "food").reasons[0]


def accept(city: SmallCity, check_name: str, product: str, cap: int = 5) -> None:
    text = ACCEPTED.format(check=check_name, product=product, cap=cap)
    city.lake.settings.accepted_failures_path.write_text(text, encoding="utf-8")


def test_an_accepted_failure_passes_until_it_expires(city: SmallCity) -> None:
    accept(city, "key_fct_inspection", "food")
    report = changed(city.build(), "key_fct_inspection", status="failed", failures=5)
    judged = verdict(city, report, "food", today=date(2026, 6, 30))
    assert (judged.decision, [a.failures for a in judged.accepted]) == ("passed", [5])
    expired = verdict(city, report, "food", today=date(2026, 7, 1))
    assert expired.decision == "blocked"
    assert "expired on 2026-06-30" in expired.reasons[0]


def test_an_accepted_failure_has_a_cap(city: SmallCity) -> None:
    accept(city, "key_fct_inspection", "food", cap=4)
    report = changed(city.build(), "key_fct_inspection", status="failed", failures=5)
    assert "allows 4, found 5" in verdict(city, report, "food", today=date(2026, 3, 6)).reasons[0]


@pytest.mark.parametrize("status", ["error", "skipped"])
def test_a_check_that_did_not_run_cannot_be_accepted(city: SmallCity, status: str) -> None:
    accept(city, "key_fct_inspection", "food")
    report = changed(city.build(), "key_fct_inspection", status=status, failures=None)
    assert verdict(city, report, "food", today=date(2026, 3, 6)).decision == "blocked"


@pytest.mark.parametrize(("check_name", "product"), [("no_such_check", "food"), ("key_fct_inspection", "tax")])
def test_an_entry_for_an_unknown_check_or_product_is_an_error(city: SmallCity, check_name: str, product: str) -> None:
    accept(city, check_name, product)
    with pytest.raises(ConfigurationError, match="unknown"):
        gate(city.lake, city.build())
    assert latest(city.lake.store) is None


def test_identifiers_in_a_public_table_block_its_product_and_are_never_quoted(city: SmallCity) -> None:
    city.inspections["2026-03-04"][0] = ("x", "442000001", "请联系13812345678")
    judged = verdict(city, city.build(), "food")
    assert judged.decision == "blocked"
    assert "remark holds mobile_phone in 1 rows" in judged.reasons[0]
    assert "13812345678" not in judged.model_dump_json()


def test_rows_without_a_day_refuse(city: SmallCity) -> None:
    city.weather["9999-01-01"] = [("G1", 1.0)]
    report = city.build()
    import duckdb

    with duckdb.connect(str(city.lake.settings.build_path)) as build:
        build.execute("update fct_weather set observed_date = null where observed_date = date '9999-01-01'")
    assert any("have no observed_date" in reason for reason in verdict(city, report, "weather").reasons)


def test_verdicts_are_written_once_while_nothing_changes(city: SmallCity) -> None:
    gate(city.lake, city.build())
    gate(city.lake, city.build())
    assert len(list(city.lake.store.list(layout.VERDICTS))) == 1
    city.deliver("office.visit", "2026-03-05", "refused", "bad")
    gate(city.lake, city.build())
    assert len(list(city.lake.store.list(layout.VERDICTS))) == 2


def test_explain_shows_decision_reasons_and_every_result(city: SmallCity) -> None:
    verdicts = gate(city.lake, changed(city.build(), "key_fct_inspection", status="failed", failures=7))
    text = explain(Explained(verdicts), "food")
    assert text.startswith("food: blocked")
    assert "key key_fct_inspection: failed, 7 failing" in text
    assert "reconciliation_fct_inspection" in text
    with pytest.raises(ConfigurationError, match="judged: food, places, weather"):
        explain(Explained(verdicts), "tax")


@pytest.mark.parametrize("how", ["draft", "wrong"])
def test_a_feed_that_may_not_be_used_blocks_what_reads_it(city: SmallCity, how: str) -> None:
    report = city.build()
    feed = next(feed for model in report.models if model.product == "weather" for feed in model.feeds)
    lake = city.lake
    if how == "draft":
        lake = replace(lake, contracts={**lake.contracts, feed: replace(contract(), status="draft")})
    else:
        lake = replace(lake, contracts={}, broken={feed: (Problem("x.yaml", "", "not YAML"),)})
    judged = {v.product: v for v in gate(lake, report)}
    assert judged["weather"].decision == "blocked"
    assert any(f"contract:{feed}" in reason for reason in judged["weather"].reasons)
    assert judged["places"].decision == "passed"
