"""Any rule in words, in Chinese and English, with how to mend what broke it.

A column's demands are put into words from its declaration (`columns`), rules of a contract by what the contract says of
them, the rules of parsers and conform by fixed words (`records`, `deliveries`). A rule that the contract has no more,
because it was revised since, is named by its id.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.contract.extension import RowRule
from ingestion.contract.model import Contract, Table
from ingestion.contract.rules import judged_column, sent_columns
from ingestion.values.check_digits import Check
from warehouse.refused.columns import column_words, title_of
from warehouse.refused.deliveries import DELIVERY_RULES
from warehouse.refused.records import RECORD_RULES
from warehouse.title import Title

CHECKED: dict[Check, Title] = {
    "uscc": Title(zh="统一社会信用代码", en="unified social credit code"),
    "organisation_code": Title(zh="组织机构代码", en="organisation code"),
    "registration_no": Title(zh="工商注册号", en="registration number"),
    "citizen_id": Title(zh="公民身份号码", en="citizen id"),
    "food_licence_no": Title(zh="食品许可证编号", en="food licence number"),
}
"""What the built-in checks judge."""


@dataclass(frozen=True)
class RuleWords:
    """A rule in words. `column` is None where the rule is about a whole record, or about several columns."""

    column: str | None
    column_title: str | None
    words: Title
    mend: Title


def words_of(contract: Contract, table: str, rule: str) -> RuleWords:
    """The words of a row's rule, as the contract is now."""
    declared = next((one for one in contract.tables if one.name == table), None)
    if rule in RECORD_RULES:
        return RuleWords(None, None, *RECORD_RULES[rule])
    if declared is None:
        return _unknown(rule)
    return _of_column(declared, rule) or _of_contract(declared, rule) or _unknown(rule)


def delivery_words(rule: str) -> tuple[Title, Title]:
    """What is wrong with a delivery that is refused whole, and what its steward can do."""
    known = DELIVERY_RULES.get(rule) or RECORD_RULES.get(rule)
    if known is None:
        unknown = _unknown(rule)
        return unknown.words, unknown.mend
    return known


def _of_column(table: Table, rule: str) -> RuleWords | None:
    column = judged_column(table, rule)
    words = column_words(column, rule.rpartition(".")[2]) if column else None
    return RuleWords(column.name, title_of(column), *words) if column and words else None


def _of_contract(table: Table, rule: str) -> RuleWords | None:
    declared = next((one for one in table.rules if one.id == rule), None)
    if declared is None:
        return None
    names = (declared.column,) if declared.column else sent_columns(table, rule)
    columns = [table.column(name) for name in names]
    one = columns[0] if len(columns) == 1 else None
    listed = Title(zh="、".join(f"“{title_of(c)}”" for c in columns), en=", ".join(f"'{c.name}'" for c in columns))
    words = _check(declared, listed) if declared.check else _stated(declared)
    mend = Title(zh=f"核对并更正{listed.zh or '该记录'}", en=f"check and correct {listed.en or 'the record'}")
    return RuleWords(one.name if one else None, title_of(one) if one else None, words, mend)


def _check(rule: RowRule, listed: Title) -> Title:
    code = CHECKED[rule.check] if rule.check else Title(zh="", en="")
    return Title(
        zh=f"{listed.zh}不是有效的{code.zh}（校验码不符）", en=f"{listed.en} is no valid {code.en} (check character)"
    )


def _stated(rule: RowRule) -> Title:
    """A rule as the contract says it; without a Chinese sentence, its English description serves both."""
    english = rule.description.rstrip(".")
    return Title(zh=f"不符合规则：{(rule.title or english).rstrip('。')}", en=f"breaks the rule: {english}")


def _unknown(rule: str) -> RuleWords:
    return RuleWords(
        None,
        None,
        Title(zh=f"不符合规则 {rule}", en=f"breaks the rule {rule}"),
        Title(zh="请与数据湖管理方联系", en="ask the lake's operators"),
    )
