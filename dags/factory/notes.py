"""The note of a run: what it took in or released, in a few lines that Airflow's list of runs shows.

A task cannot write its run's note: the interface it has knows none. It leaves the lines as an XCom `note`, and the
scheduler writes them when the run ends (dags.factory.run_notes). Notes hold counts and batches, no file names and no
values, since every account reads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from airflow.sdk import get_current_context

from dags.factory.events import all_rows_taken_in
from dags.factory.words import listed

if TYPE_CHECKING:
    from ingestion.delivery.outcome import Delivery
    from warehouse.publish.run import Published

NOTE = "note"
"""Key of the XCom."""
MOST_CHARACTERS = 1000
"""Airflow keeps no longer note."""
_OUTCOMES = {
    "accepted": "入库 accepted",
    "unchanged": "无变化 unchanged",
    "no_data": "无数据 no data",
    "duplicate": "重复 sent before",
    "held": "待确认 held",
    "refused": "退回 refused",
}
_EDITIONS = {
    "published": "已发布 published",
    "nothing_new": "无更新 nothing new",
    "nothing_releasable": "无可发布 nothing to release",
    "on_hold": "暂停发布 on hold",
    "awaiting_approval": "待审批 waits for approval",
}


def leave_note(text: str) -> None:
    """Leave lines for the run's note, in place of what this task left before."""
    get_current_context()["ti"].xcom_push(key=NOTE, value=text[:MOST_CHARACTERS])


def deliveries_note(deliveries: Sequence[Delivery]) -> str:
    """The receipts of a run: deliveries by outcome and rows in the first line, which is all that a run's page shows
    until it is opened; then the batches."""
    outcomes = Counter[str](one.outcome for one in deliveries)
    counted = [f"{words} {outcomes[outcome]:,}" for outcome, words in _OUTCOMES.items() if outcomes[outcome]]
    received, refused = (sum(getattr(one, field) for one in deliveries) for field in ("received", "quarantined"))
    accepted = all_rows_taken_in(deliveries)
    return (
        f"交付 deliveries {len(deliveries):,}: {' · '.join(counted)} — 行 rows: 收到 received {received:,} · "
        f"入库 accepted {accepted:,} · 退回 refused {refused:,}\n\n"
        f"批次 batches: {listed([one.batch for one in deliveries], 5)}"
    )


def unread_note() -> str:
    """Of a run that could not read its source."""
    return "来源读不到 the source could not be read; the log of `extract` says why"


def release_note(published: Sequence[Published], blocked: Mapping[str, Sequence[str]]) -> str:
    """The blocked products, where there are any, what became of each edition, and why each product is blocked."""
    lines = [f"未放行 blocked {len(blocked)}: {listed(list(blocked))}"] if blocked else []
    lines += [f"{one.edition}: {_EDITIONS[one.outcome]} {_released(one)}".rstrip() for one in published]
    return "\n\n".join([*lines, *(f"- {product}: {_short(reasons)}" for product, reasons in blocked.items())])


def _released(one: Published) -> str:
    if one.outcome != "published":
        waiting = f": {listed(one.awaiting)}" if one.awaiting else ""
        return f"({one.release}){waiting}" if one.release else waiting.removeprefix(": ")
    fresh = listed(one.fresh) if one.fresh else "the same tables again"
    return f"{one.release}: {fresh}"


def _short(reasons: Sequence[str], most: int = 160) -> str:
    first = " ".join(reasons[0].split()) if reasons else ""
    more = f" (+{len(reasons) - 1})" if len(reasons) > 1 else ""
    return f"{first[:most]}{'…' if len(first) > most else ''}{more}"
