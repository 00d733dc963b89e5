"""dbt's artifacts in the project's vocabulary."""

from __future__ import annotations

from typing import Any

import pytest

from warehouse.build import collect
from warehouse.build.errors import BuildFailed
from warehouse.build.lineage import Lineage
from warehouse.build.report import Expires, NodeResult, Status


def model(name: str, product: str, **more: Any) -> dict[str, Any]:
    config = {"group": product, "materialized": "table", "meta": {}} | more.pop("config", {})
    return {"name": name, "alias": name, "schema": "main", "resource_type": "model", "config": config} | more


def check(name: str, on: str, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "resource_type": "test",
        "attached_node": on,
        "config": {"severity": "ERROR", "meta": {}},
        "test_metadata": {"name": kind, "kwargs": {"field": "dim_id"}},
        "column_name": "dim_id",
    } | more


@pytest.fixture
def lineage() -> Lineage:
    return Lineage(
        {
            "nodes": {
                "model.c.dim_a": model("dim_a", "core", access="public"),
                "model.c.fct_b": model("fct_b", "weather", access="public"),
                "model.c.mart_c": model("mart_c", "brief", config={"meta": {"citylake": {"day_column": "day"}}}),
                "test.c.key": check("key", "model.c.fct_b", "primary_key"),
                "test.c.rel": check("rel", "model.c.fct_b", "relationships"),
                "test.c.own": check(
                    "own",
                    "model.c.mart_c",
                    "odd",
                    config={"severity": "WARN", "meta": {"citylake": {"check": "freshness"}}},
                ),
            },
            "sources": {"source.c.q.f": {"name": "f", "source_name": "q", "config": {"meta": {"feed": "q.f"}}}},
            "parent_map": {
                "model.c.fct_b": ["source.c.q.f"],
                "model.c.mart_c": ["model.c.fct_b", "model.c.dim_a"],
                "test.c.key": ["model.c.fct_b"],
                "test.c.rel": ["model.c.dim_a", "model.c.fct_b"],
                "test.c.own": ["model.c.mart_c"],
            },
        }
    )


RUN = collect.Run("b2")


def result(unique_id: str, status: str, **more: Any) -> dict[str, NodeResult]:
    return {unique_id: NodeResult(unique_id=unique_id, status=status, **more)}


def ran(**status: str) -> dict[str, NodeResult]:
    found: dict[str, NodeResult] = {}
    for name, word in status.items():
        found |= result(f"model.c.{name}", word, message="m")
    return found


def test_models_carry_lineage_products_and_kind(lineage: Lineage) -> None:
    built = collect.collect_models(
        lineage, ran(dim_a="success", fct_b="success", mart_c="success"), {"model.c.fct_b": 7}, RUN
    )
    by_name = {m.name: m for m in built}
    mart = by_name["mart_c"]
    assert (mart.feeds, mart.upstream_products, mart.day_column) == (["q.f"], ["core", "weather"], "day")
    assert (mart.kind, mart.public, by_name["fct_b"].public, by_name["fct_b"].rows) == ("mart", False, True, 7)
    assert by_name["dim_a"].feeds == []


def test_a_model_dbt_never_reached_is_skipped(lineage: Lineage) -> None:
    built = collect.collect_models(lineage, ran(dim_a="success", fct_b="error"), {}, RUN)
    assert {m.name: m.status for m in built} == {"dim_a": "passed", "fct_b": "error", "mart_c": "skipped"}
    assert {m.name: m.build_id for m in built} == {"dim_a": "b2", "fct_b": None, "mart_c": None}


def test_what_was_not_made_or_judged_now_says_which_build_it_is_of(lineage: Lineage) -> None:
    before = collect.Run("b1")
    first = collect.collect_checks(lineage, result("test.c.key", "fail", failures=3, message="3"), {}, before)
    carried = {c.unique_id: c for c in first if c.unique_id == "test.c.key"}
    run = collect.Run("b2", standing={"model.c.dim_a": "b1", "model.c.fct_b": "b1"}, carried=carried)
    built = collect.collect_models(lineage, ran(mart_c="success"), {}, run)
    assert {m.name: (m.status, m.build_id) for m in built} == {
        "dim_a": ("passed", "b1"), "fct_b": ("passed", "b1"), "mart_c": ("passed", "b2"),
    }  # fmt: skip
    checks = {c.name: c for c in collect.collect_checks(lineage, result("test.c.rel", "pass"), {}, run)}
    assert (checks["key"].status, checks["key"].failures, checks["key"].build_id) == ("failed", 3, "b1")
    assert (checks["rel"].status, checks["rel"].build_id) == ("passed", "b2")
    stale = collect.collect_checks(lineage, {}, {"model.c.fct_b": "error"}, run)
    assert {c.name: c.status for c in stale}["key"] == "skipped"


def test_checks_know_their_kind_product_and_relation(lineage: Lineage) -> None:
    results = result("test.c.key", "pass", failures=0) | result("test.c.rel", "fail", failures=2, message="2")
    checks = {c.name: c for c in collect.collect_checks(lineage, results, {}, RUN)}
    assert (checks["key"].check, checks["key"].status, checks["key"].product) == ("key", "passed", "weather")
    rel = checks["rel"]
    assert (rel.check, rel.status, rel.failures, rel.models) == ("relationship", "failed", 2, ["fct_b", "dim_a"])
    assert rel.relation is not None
    assert rel.relation.model_dump() == {
        "child": "fct_b",
        "column": "dim_id",
        "parent": "dim_a",
        "parent_column": "dim_id",
    }
    assert (checks["own"].check, checks["own"].severity, checks["own"].status) == ("freshness", "warn", "skipped")


def test_a_check_on_a_model_that_was_not_built_does_not_pass(lineage: Lineage) -> None:
    built: dict[str, Status] = {"model.c.dim_a": "error", "model.c.fct_b": "passed"}
    checks = collect.collect_checks(lineage, result("test.c.rel", "pass", failures=0), built, RUN)
    rel = next(c for c in checks if c.name == "rel")
    assert (rel.status, rel.message) == ("skipped", "not built: dim_a")


def test_a_status_dbt_may_invent_is_an_error() -> None:
    assert collect.status_of(result("test.c.rel", "sublime")["test.c.rel"]) == "error"
    assert collect.status_of(None) == "skipped"


def test_a_source_without_a_feed_says_how_to_repair_it(lineage: Lineage) -> None:
    lineage.manifest["sources"]["source.c.q.f"]["config"]["meta"] = {}
    with pytest.raises(BuildFailed, match="make generate"):
        lineage.feeds("model.c.mart_c")


def expiring(said: Any) -> Lineage:
    node = model("pub_d", "notices", access="public", config={"meta": {"citylake": {"expires": said}}})
    return Lineage({"nodes": {"model.c.pub_d": node}, "sources": {}, "parent_map": {}})


def test_when_rows_leave_is_in_the_report() -> None:
    said = {"column": "end_date", "key": ["notice_id"], "ended_by": "fct_notice"}
    (found,) = collect.collect_models(expiring(said), {}, {}, RUN)
    assert found.expires == Expires(column="end_date", key=["notice_id"], ended_by="fct_notice")
    (found,) = collect.collect_models(expiring(None), {}, {}, RUN)
    assert found.expires is None


def test_an_expiry_that_cannot_be_read_is_named() -> None:
    with pytest.raises(BuildFailed, match="pub_d says what cannot be read"):
        collect.collect_models(expiring({"until": "end_date"}), {}, {}, RUN)
