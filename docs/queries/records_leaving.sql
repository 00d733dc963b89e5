-- 当日撤下的公示记录 · Penalties and permits that left the public list on a day, and why: the period ended, a repair was
-- granted, or the decision was revoked or disputed. Change the value of `asked`.
with

asked as (
    select date '2026-03-04' as on_date
),

decisions as (
    select
        'penalty' as record_kind,
        doc_no,
        organisation_id,
        authority,
        decision_date,
        publicity_end_date,
        publicity_ended_by
    from fct_penalty
    where is_publishable
    union all
    select
        'permit' as record_kind,
        doc_no,
        organisation_id,
        authority,
        decision_date,
        publicity_end_date,
        publicity_ended_by
    from fct_permit
    where is_publishable
)

select decisions.*
from decisions
inner join asked on decisions.publicity_end_date = asked.on_date
order by record_kind, doc_no
