"""The documentation (`doc_md`) of a feed's DAG in Airflow: its contract, and what to do when a task is red."""

from __future__ import annotations

from ingestion.contract.model import Contract

_DOC = """# {title} · `{name}`
{synthetic}
{description}

| | |
|---|---|
| steward 数据管理员 | {steward} <{email}> |
| department 部门 | {provider} (`{department}`) |
| delivery | {delivery}, one a {every} ({timezone}) |
| schedule | `{schedule}`; looks back {recapture} for late and corrected files |
| deadline | {deadline} after an interval's end; later is late and the steward is notified |
| product | {product}, impact {impact} |
| contract | `{path}` v{version} |

## When it is red

| task | means | do |
|---|---|---|
| `extract` | the source cannot be read, after {retries} retries. What landed before stays and is conformed. | \
`docs/runbooks/source-unreachable.md`; then *Clear* the run: files taken in before are not taken in twice |
| `conform` | the store or this machine failed (its log says which); raw bytes are safe | repair, then *Clear* it |
| `needs_attention` | a delivery was refused or a correction is held; everything else was taken in | \
`citylake deliveries --feed {name}`, `citylake quarantine {name}`, `citylake held`; the steward has to send again: \
`docs/runbooks/refused-delivery.md` |

## Backfill

*Trigger* with `from` and `to` (local days) takes in every interval of those days in one run; *Backfill* makes one run a
scheduled tick, where the schedule still ticks (that of a simulated city ends with its days). On the command line:
`citylake airflow backfill create --dag-id {name} --from-date … --to-date …`, or without Airflow
`citylake ingest {name} --day 2026-03-02`. Files that were taken in before are recognised.
"""


def feed_doc(contract: Contract) -> str:
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
        delivery=spec.delivery,
        every=spec.calendar.every,
        timezone=spec.calendar.timezone,
        schedule=spec.schedule,
        recapture=spec.recapture,
        deadline=spec.deadline,
        product=contract.product,
        impact=spec.impact,
        path=contract.path.name,
        version=contract.version,
        retries=spec.retries,
    )
