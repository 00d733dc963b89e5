"""Feeds that may not be used: a product that reads one is blocked, whatever was taken in before (docs/adr/0021)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.contract.model import not_active
from warehouse.verdict import CheckResult

if TYPE_CHECKING:
    from ingestion.lake import Lake


def judge_contracts(lake: Lake) -> dict[str, CheckResult]:
    """One result for each feed whose contract is not active or whose file is wrong; none for the others.

    It is an error, not a failure: the register of accepted failures cannot open what nobody finished.
    """
    said = {name: not_active(contract.status) for name, contract in lake.contracts.items() if not contract.is_active}
    said |= {
        name: f"its contract file is wrong ({len(problems)} problems): citylake contracts check"
        for name, problems in lake.broken.items()
    }
    return {
        name: CheckResult(name=f"contract:{name}", kind="contract", status="error", message=message)
        for name, message in said.items()
    }
