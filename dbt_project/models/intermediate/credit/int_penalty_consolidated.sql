with

reports as (
    select * from {{ ref('int_penalty_reported') }}
),

statuses as (
    select * from {{ ref('ref_decision_status') }}
),

shown as (
    select
        reports.*,
        coalesce(statuses.is_shown, false) as is_shown
    from reports
    left join statuses on reports.status = statuses.status
),

-- The latest report wins; of equal moments the later interval, then the records of the
-- exchange before a workbook.
ranked as (
    select
        *,
        row_number() over (
            partition by doc_no
            order by reported_at desc, _batch_id desc, source_feed asc
        ) as recency,
        min(reported_date) over (partition by doc_no) as first_reported_date,
        count(*) over (partition by doc_no) as reports,
        max(case when is_shown then reported_at end) over (partition by doc_no)
            as last_shown_at
    from shown
),

-- The first report since which no other has said that the decision is to be shown.
withdrawals as (
    select
        doc_no,
        min(reported_date) as withdrawn_date
    from ranked
    where
        not is_shown
        and (last_shown_at is null or reported_at > last_shown_at)
    group by doc_no
),

final as (
    select
        ranked.penalty_id,
        ranked.party_key,
        ranked.doc_no,
        ranked.party_name,
        ranked.party_kind,
        ranked.uscc,
        ranked.registration_no,
        ranked.organisation_code,
        ranked.tax_no,
        ranked.violation_kind,
        ranked.basis,
        ranked.penalty_class,
        ranked.fine_wan,
        ranked.confiscated_wan,
        ranked.licence_revoked,
        ranked.decision_date,
        ranked.valid_until,
        ranked.declared_publicity_end,
        ranked.authority,
        ranked.authority_code,
        ranked.status,
        ranked.source_unit,
        ranked.source_unit_code,
        ranked.source_feed,
        ranked.reports,
        ranked.first_reported_date,
        ranked.reported_at,
        ranked.reported_date,
        case when not ranked.is_shown then withdrawals.withdrawn_date end
            as withdrawn_date,
        ranked._batch_id,
        ranked._loaded_at
    from ranked
    left join withdrawals on ranked.doc_no = withdrawals.doc_no
    where ranked.recency = 1
)

select * from final
