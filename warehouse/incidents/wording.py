"""The fixed texts of notices by kind of incident, in Chinese and English: name, state of the lake, next step."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.incidents.model import Kind


@dataclass(frozen=True)
class Words:
    """Name, what is left in the lake, next step; `{subject}` is filled in. Chinese, then English.

    `asked` is what a steward is asked to do, of kinds that stewards are notified of.
    """

    name: tuple[str, str]
    left: tuple[str, str]
    next_step: tuple[str, str]
    asked: tuple[str, str] = ("", "")


WORDS: dict[Kind, Words] = {
    "source_unreachable": Words(
        ("数据源无法读取", "Source cannot be read"),
        ("湖中已有数据不变，上一次发布照常可用。", "What is in the lake stays; the last release stays in service."),
        (
            "请检查数据源服务与网络；恢复后下一次运行会自动补取。",
            "Check the source's service and network; the next run fetches what was missed.",
        ),
    ),
    "delivery_refused": Words(
        ("报送数据被整批退回", "Delivery refused"),
        (
            "原始文件已留存，未进入数据仓库；上一次通过的数据继续有效。",
            "The bytes are kept and nothing of them reached the warehouse; what passed before stays in force.",
        ),
        (
            "请更正后以新文件名重新报送。查看原因：citylake deliveries --feed {subject} --outcome refused",
            "Correct the file and send it again under a new name. Why: "
            "citylake deliveries --feed {subject} --outcome refused",
        ),
    ),
    "delivery_failed": Words(
        ("报送数据处理失败（系统缺陷）", "Delivery could not be processed (a defect of the lake)"),
        (
            "原始文件已留存，未进入数据仓库；其他报送不受影响，报送单位无需重报。",
            "The bytes are kept; other deliveries are not affected. The department need not send again.",
        ),
        (
            "请运维人员将 state/crashes 中的错误日志交给维护方；更新后执行：citylake reconform {subject}",
            "Operators: send the crash log in state/crashes to the maintainers; after an update: "
            "citylake reconform {subject}",
        ),
    ),
    "delivery_held": Words(
        ("报送数据待确认", "Delivery held for the steward"),
        (
            "该批数据已留存但暂不生效，原数据继续有效。",
            "The delivery is kept and does not count; what counted before stays in force.",
        ),
        (
            "请核实数据是否完整、减少的记录是否属实，再决定接受或拒绝：citylake held",
            "Find out whether it is whole and any loss of records is meant, then accept or reject it: citylake held",
        ),
        asked=(
            "请核实该批数据是否完整、减少的记录是否属实，并确认接受或拒绝。",
            "find out whether the delivery is whole and any loss of records is meant, and confirm or refuse it.",
        ),
    ),
    "delivery_late": Words(
        ("数据迟报", "Late delivery"),
        ("已有数据不变，上一次发布照常可用。", "What is in the lake stays; the last release stays in service."),
        (
            "请尽快报送所列时段的数据；到达后自动补入并关闭本告警。",
            "Send the intervals named; they are taken in on arrival and this incident ends by itself.",
        ),
        asked=(
            "请尽快报送所列时段的数据；到达后自动补入，无需回复。",
            "send the intervals named; they are taken in on arrival, and no answer is needed.",
        ),
    ),
    "product_blocked": Words(
        ("数据产品未通过质量检查", "Data product blocked"),
        (
            "该产品保留上一次通过的版本，其他产品不受影响。",
            "The product keeps its last good tables; other products are not affected.",
        ),
        (
            "查看原因：citylake gate --explain {subject}",
            "Why: citylake gate --explain {subject}",
        ),
    ),
    "records_expired": Words(
        ("到期记录仍在公开", "Expired records are still public"),
        (
            "开放版中仍有公示期已满的记录，须立即下架。",
            "The open edition, or an older release of it, still shows records whose last day is over.",
        ),
        (
            "请执行：citylake maintain unpublish；若失败，请执行：citylake withdraw --edition {subject}",
            "Run citylake maintain unpublish; if it fails: citylake withdraw --edition {subject}",
        ),
    ),
    "task_failed": Words(
        ("处理任务失败", "Task failed"),
        ("已提交的数据不变，上一次发布照常可用。", "What was committed stays; the last release stays in service."),
        ("请运维人员查看任务日志后重跑。", "Operators: read the task's log, then run it again."),
    ),
}
