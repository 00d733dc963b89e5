"""The documentation (`doc_md`) of a feed's DAG in Airflow: its contract in words, and what to do when a task is red."""

from __future__ import annotations

from dags.factory.assets import products
from dags.factory.settings import has_ended
from dags.factory.words import STEPS, both, duration_words, schedule_words, zone_words
from ingestion.contract.model import Contract
from ingestion.contract.sources import Database, FhirBulk, FileDrop, HttpFile, Sftp
from ingestion.settings import Settings
from warehouse.runbooks import runbook_link
from warehouse.title import Title

_DELIVERIES = {
    "snapshot": Title(zh="每份都是完整清单，取代上一份", en="a complete list each time, which replaces the one before"),
    "interval": Title(zh="每份是一个时段的记录", en="the records of one period each"),
    "events": Title(zh="每份是一个时段内发生的事件", en="the events of one period each"),
}
_IMPACTS = {
    "high": Title(zh="高", en="high"),
    "medium": Title(zh="中", en="medium"),
    "low": Title(zh="低", en="low"),
}

_DOC = """# {title} · {name}
{synthetic}
{description}

## What arrives, and when · 数据与时间

| | |
|---|---|
| department 部门 | {provider} ({department}) |
| steward 数据管理员 | {steward} · [{email}](mailto:{email}) |
| delivery 交付 | {delivery} |
| expected 频次 | {every} |
| fetched 采集 | {schedule} |
| looks back 回看 | {recapture} |
| deadline 期限 | {deadline} |
| source 来源 | {source} |
| data product 数据产品 | {product}; impact 影响 {impact} |
| contract 数据契约 | {path}, version {version} |
{connection}
## When it is red · 变红时

A red run never means that data was lost: what was taken in stays, and so does the last release. \
红色不表示数据丢失:已入库的数据和上一次发布都保留。

| task 任务 | means 含义 | do 处理 |
|---|---|---|
| extract | The source cannot be read, after {retries} retries. What landed before is conformed all the same. \
来源读不到，已重试 {retries} 次;此前收到的照常入库。 | {unreachable}; \
then *Clear* the run: files that were taken in are not taken in twice |
| conform | The store or this machine failed; the log says which. The bytes received are kept. 存储或本机故障,\
日志说明是哪一个;收到的原始文件保留。 | repair it, then *Clear* the task |
| needs_attention | A delivery was refused or a correction is held; everything else was taken in. \
有交付被退回，或有更正待确认;其余都已入库。 | {refused}; {held}. \
`citylake deliveries --feed {name}` says what, `citylake quarantine {name}` which rows, `citylake held` what waits. \
The steward sends a corrected file; the next run takes it in |

A run that is skipped found nothing new. A delivery that is missing after its deadline is late: the steward is \
notified once ({late}). 跳过的运行表示没有新数据;过了期限仍未收到即为迟到，系统通知数据管理员一次。

## Fetch again · 补采

*Trigger* with `from` and `to` (local days) takes in every period of those days in one run; *Backfill* makes one run a \
scheduled time, where the schedule still runs. On the command line: `citylake airflow backfill create --dag-id {name} \
--from-date … --to-date …`, or without Airflow `citylake ingest {name} --day {start}`. Files that were taken in before \
are recognised. 可按日期补采，已入库的文件不会重复入库。
"""

_CONNECTION = """
## Connection · 连接

The feed needs the connection **{connection}** ({kind}). In force is the Airflow connection of that id (Admin → \
Connections); where there is none, the variable `{variable}` of the machine that runs the tasks, which Airflow's list \
does not show. `citylake connections` says which is in force and which is missing; its forms: {unreachable}. \
本数据需要连接 {connection}:优先使用 Airflow 中同名连接，没有则使用环境变量 {variable}(Airflow 列表不显示环境变量)。
"""


def feed_doc(contract: Contract, settings: Settings) -> str:
    """The Markdown text for one feed."""
    spec = contract.citylake
    return _DOC.format(
        title=contract.title,
        name=contract.name,
        synthetic="\n**Synthetic data 合成数据: made by a simulated city.**\n" if spec.synthetic else "",
        description=contract.description,
        steward=spec.steward.name,
        email=spec.steward.email,
        provider=spec.catalogue.provider,
        department=contract.department,
        delivery=both(_DELIVERIES[spec.delivery]),
        every=_every(contract),
        schedule=_schedule(contract, settings),
        recapture=_recapture(contract),
        deadline=_deadline(contract),
        source=_source(contract),
        product=_product(contract, settings),
        impact=both(_IMPACTS[spec.impact]),
        path=contract.path.name,
        version=contract.version,
        connection=_connection(contract, settings),
        retries=spec.retries,
        start=contract.calendar.start,
        unreachable=runbook_link(settings, "source-unreachable"),
        refused=runbook_link(settings, "refused-delivery"),
        held=runbook_link(settings, "held-correction"),
        late=runbook_link(settings, "late-delivery"),
    )


def connection_kind(contract: Contract) -> Title | None:
    """What stands behind the connection that a feed names; None where it names none."""
    source = contract.citylake.source
    if isinstance(source, FileDrop) or source.connection is None:
        return None
    if isinstance(source, Database):
        return Title(zh="数据库", en="database")
    if isinstance(source, Sftp):
        return Title(zh="SFTP 服务器", en="SFTP server")
    if isinstance(source, FhirBulk):
        return Title(zh="FHIR 服务器", en="FHIR server")
    return Title(zh="网络服务器", en="web server")


def _every(contract: Contract) -> str:
    if contract.citylake.on_change:
        return "when something changes: none is owed and none is late 有变化时才发，不算迟到"
    step = STEPS[contract.calendar.every]
    return f"one every {step.en} {step.zh}一份"


def _schedule(contract: Contract, settings: Settings) -> str:
    zone = zone_words(contract.calendar.timezone, settings.timezone)
    words = schedule_words(contract.citylake.schedule)
    text = f"{words.en}, {zone.en} {words.zh}({zone.zh})"
    if has_ended(contract.calendar.timezone, settings):
        text += (
            f". **The schedule ended on {settings.schedule_until}: Next Run is empty, a run starts only when it is "
            f"triggered 排期已于 {settings.schedule_until} 结束，之后只能手动触发**"
        )
    return text


def _recapture(contract: Contract) -> str:
    if not contract.citylake.recapture:
        return "no, each run takes its own day's files only 不回看"
    back = duration_words(contract.citylake.recapture)
    return f"{back.en}, for late and corrected files {back.zh},收取迟到和更正的文件"


def _deadline(contract: Contract) -> str:
    if contract.citylake.on_change:
        return "none 无"
    words, step = duration_words(contract.citylake.deadline), STEPS[contract.calendar.every]
    ended = f"{words.en} after the {step.en} has ended"
    return f"{ended}; later is late and the steward is notified 时段结束后 {words.zh}内，逾期即迟到并通知数据管理员"


def _source(contract: Contract) -> str:
    source = contract.citylake.source
    if isinstance(source, FileDrop):
        return f"files below the drop folder 投递目录: `{source.path}`"
    if isinstance(source, HttpFile):
        return f"a file on a web server 网络文件: `{source.url}`"
    if isinstance(source, Database):
        return f"a table of a database 数据库表: `{source.schema_name}.{source.table}`"
    if isinstance(source, Sftp):
        return f"files of an SFTP server SFTP 文件: `{source.path}`"
    if isinstance(source, FhirBulk):
        return f"an export of a FHIR server FHIR 批量导出: `{source.export}`"
    return f"pages of an interface 分页接口: `{source.url}`"


def _product(contract: Contract, settings: Settings) -> str:
    title = products(settings).get(contract.product)
    return f"{both(title)} ({contract.product})" if title else contract.product


def _connection(contract: Contract, settings: Settings) -> str:
    kind, name = connection_kind(contract), getattr(contract.citylake.source, "connection", None)
    if kind is None or name is None:
        return ""
    return _CONNECTION.format(
        connection=name,
        kind=both(kind),
        variable=f"CITYLAKE_CONN_{name.upper()}",
        unreachable=runbook_link(settings, "source-unreachable"),
    )
