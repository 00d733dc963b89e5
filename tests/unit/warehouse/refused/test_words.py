"""Every rule that a row or a delivery can break is said in two languages; the rules are collected from the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import ingestion
from ingestion.conform.compile import TablePlan
from ingestion.conform.split import OUTSIDE
from ingestion.contract.extension import RowRule
from ingestion.contract.load import load_contracts
from ingestion.contract.model import Contract
from ingestion.delivery.bulk import NOTHING_IN_SPAN
from ingestion.parsers.probe import _MAGIC
from ingestion.parsers.sheet_cells import RULES as CELL_RULES
from ingestion.receipts.model import INTERNAL_ERROR
from ingestion.settings import Settings
from ingestion.values.check_digits import CHECKS
from warehouse.refused.columns import COLUMN_RULES
from warehouse.refused.deliveries import DELIVERY_RULES
from warehouse.refused.records import RECORD_RULES
from warehouse.refused.words import CHECKED, delivery_words, words_of
from warehouse.title import Title

SOURCE = Path(ingestion.__file__).parent
CHINESE = re.compile(r"[\u4e00-\u9fff]")
_NAME = re.compile(r"[a-z][a-z0-9_]+")


def _word(node: ast.AST) -> str | None:
    is_word = isinstance(node, ast.Constant) and isinstance(node.value, str) and _NAME.fullmatch(node.value)
    return str(node.value) if is_word else None  # type: ignore[attr-defined]


def _nodes(folder: str) -> Iterator[ast.AST]:
    for path in sorted((SOURCE / folder).rglob("*.py")):
        yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def _name(call: ast.Call) -> str:
    return getattr(call.func, "id", "") or getattr(call.func, "attr", "")


@cache
def delivery_rules() -> set[str]:
    """`rule="…"` of every refusal, the second argument of `refused(…)`, and rules that are held in tables."""
    found = {rule for _, rule in _MAGIC.values()} | {INTERNAL_ERROR, NOTHING_IN_SPAN, "refused_share"}
    for node in _nodes(""):
        if isinstance(node, ast.keyword) and node.arg == "rule" and _word(node.value):
            found.add(str(_word(node.value)))
        if isinstance(node, ast.Call) and _name(node) == "refused" and len(node.args) == 3 and _word(node.args[1]):
            found.add(str(_word(node.args[1])))
        is_table = isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_HEADER_FAULTS"
        if is_table and isinstance(node.value, ast.Dict):  # type: ignore[attr-defined]
            found |= {str(_word(key)) for key in node.value.keys if key}  # type: ignore[attr-defined]
    return found


@cache
def record_rules() -> set[str]:
    """`("rule", rows)` in the parsers, `{"rule": places}` given to a function of refusals, and conform's own."""
    found = {*CELL_RULES.values(), OUTSIDE}
    for node in _nodes("parsers"):
        if isinstance(node, ast.Tuple) and len(node.elts) == 2 and not isinstance(node.elts[1], ast.Constant):
            found |= {word for word in [_word(node.elts[0])] if word}
        if isinstance(node, ast.Call) and _name(node) == "_refusals":
            found |= {str(_word(k)) for a in node.args if isinstance(a, ast.Dict) for k in a.keys if k}
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and _word(node.slice):
            found |= {str(_word(node.slice))} if getattr(node.value, "id", "") == "found" else set()
    for node in _nodes("conform"):
        if isinstance(node, ast.Subscript) and getattr(node.value, "attr", "") == "rules" and _word(node.slice):
            found.add(str(_word(node.slice)))
    return found


def test_rules_are_found_in_the_code() -> None:
    assert {"refused_share", "encoding", "header", "html_page", "xls_binary", "workbook_macros"} <= delivery_rules()
    assert {
        "ragged",
        "nul_byte",
        "malformed_quote",
        "key_conflict",
        "merged_cell",
        "repeated_element",
    } <= record_rules()


def test_every_rule_of_the_code_has_words_and_no_words_are_left_over() -> None:
    assert delivery_rules() == set(DELIVERY_RULES)
    assert record_rules() == set(RECORD_RULES)


@pytest.mark.parametrize("rule", sorted(RECORD_RULES))
def test_a_record_rule_in_words(rule: str, make: Any) -> None:
    words = words_of(make.contract(make.table(make.column("a"))), "t", rule)
    assert words.column is None
    _both(words.words)
    _both(words.mend)


@pytest.mark.parametrize("rule", sorted(DELIVERY_RULES))
def test_a_delivery_rule_in_words(rule: str) -> None:
    for text in delivery_words(rule):
        _both(text)


def _both(text: Title) -> None:
    assert CHINESE.search(text.zh)
    assert not CHINESE.search(text.en)
    assert re.search(r"[A-Za-z]", text.en)


def everything(make: Any) -> Contract:
    """A table with a column for each demand, and a rule of each kind."""
    column = make.column
    return make.contract(
        make.table(
            column("id", primary_key=1),
            column("score", "DECIMAL(5,1)", required=True, minimum=Decimal(0), maximum=Decimal(100)),
            column("floor", "INTEGER", minimum=Decimal(1)),
            column("weight", "DOUBLE", maximum=9.5),
            column("tenths", "DECIMAL(6,1)", implied_decimals=1),
            column("day", "DATE", format="%Y%m%d"),
            column("either", "DATE", formats=["%d.%m.%Y", "era_roc"]),
            column("sheet_day", "DATE", format="excel_serial"),
            column("at", "TIMESTAMPTZ", format="iso"),
            column("leaves", "INTEGER", format="gtfs_time"),
            column("open", "BOOLEAN"),
            column("code", min_length=4, max_length=4, pattern="^[A-Z]{4}$"),
            column("short", max_length=3),
            column("grade", allowed=("A", "B")),
            column("many", allowed=tuple(str(n) for n in range(300))),
            column("kind", allowed=("person", "firm")),
            column(
                "party",
                deidentify=make.deidentify("pseudonym", purpose="p", when={"column": "kind", "in": ["person"]}),
            ),
            column("ward", path="$.ward.reference", reference="Location"),
            column("made", "DATE", None, transform="day + floor"),
            rules=[
                RowRule(
                    id="later", expression="at >= day", title="结束不得早于开始", description="It ends after it begins."
                ),
                RowRule(id="untitled", expression="score > 1", description="Scores are above one."),
                *(make.rule(f"is_{check}", check=check, column="code") for check in CHECKS),
            ],
        )
    )


def test_every_rule_a_contract_can_give_has_words(make: Any) -> None:
    contract = everything(make)
    rules = [rule.id for rule in TablePlan(contract, contract.tables[0]).rules]
    assert {rule.rpartition(".")[2] for rule in rules if "." in rule} == COLUMN_RULES
    assert set(CHECKED) == set(CHECKS)
    for rule in rules:
        words = words_of(contract, "t", rule)
        assert CHINESE.search(words.words.zh), rule
        assert CHINESE.search(words.mend.zh), rule
        assert rule not in words.words.en, "only an unknown rule is named by its id"
        assert words.words.en


def test_words_say_what_the_contract_demands(make: Any) -> None:
    contract = everything(make)

    def said(rule: str) -> tuple[str, str, str, str]:
        words = words_of(contract, "t", rule)
        return words.words.zh, words.mend.zh, words.words.en, words.mend.en

    assert said("score.range") == (
        "“score”超出范围，应为 0 至 100（含）",
        "核对“score”，填写范围内的数值：0 至 100（含）",
        "'score' is out of range; it must be from 0 to 100",
        "check 'score' and send a number from 0 to 100",
    )
    assert "至多 4 位整数、1 位小数" in said("score.type")[0]
    assert "20260309" in said("day.type")[1]
    assert "09.03.2026 或 民國115年3月9日" in said("either.type")[1]
    assert "Excel" in said("sheet_day.type")[1]
    assert "25:10:00" in said("leaves.type")[1]
    assert "true 或 false" in said("open.type")[1]
    assert "4 个字符" in said("code.length")[0]
    assert "A、B" in said("grade.allowed")[0]
    assert "300 个代码" in said("many.allowed")[0]
    assert said("later")[:2] == ("不符合规则：结束不得早于开始", "核对并更正“at”、“day”")
    assert said("is_uscc")[0] == "“code”不是有效的统一社会信用代码（校验码不符）"


def test_a_rule_of_several_columns_names_them_and_one_of_one_column_has_it(make: Any) -> None:
    contract = everything(make)
    assert words_of(contract, "t", "later").column is None
    assert words_of(contract, "t", "untitled").column == "score"
    assert words_of(contract, "t", "score.range").column_title == "score"


def test_a_rule_the_contract_has_no_more_is_named(make: Any) -> None:
    contract = everything(make)
    for table, rule in (("t", "gone"), ("t", "gone.type"), ("t", "score.gone"), ("other", "score.type")):
        words = words_of(contract, table, rule)
        assert rule in words.words.zh
        assert rule in words.words.en
    assert "never_heard_of" in delivery_words("never_heard_of")[0].en


def test_every_rule_of_the_shipped_contracts_has_words_of_its_own() -> None:
    found = 0
    for contract in load_contracts(Settings().contracts).values():
        for table in contract.tables:
            for rule in TablePlan(contract, table).rules:
                words, found = words_of(contract, table.name, rule.id), found + 1
                assert CHINESE.search(words.words.zh.removeprefix("不符合规则")), (contract.id, rule.id)
                assert rule.id not in words.words.en, (contract.id, rule.id)
    assert found > 200
