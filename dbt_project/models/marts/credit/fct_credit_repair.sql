with

reports as (
    select * from {{ ref('int_repair_reported') }}
),

penalties as (
    select * from {{ ref('fct_penalty') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by repair_no
            order by reported_at desc, _batch_id desc
        ) as recency,
        count(*) over (partition by repair_no) as reports
    from reports
),

joined as (
    select
        ranked.*,
        penalties.penalty_id,
        penalties.organisation_id,
        penalties.publicity_min_end_date,
        penalties.penalty_id is null as is_orphan,
        coalesce(ranked.uscc <> penalties.uscc, false) as is_party_different
    from ranked
    left join penalties on ranked.penalty_doc_no = penalties.doc_no
    where ranked.recency = 1
),

final as (
    select
        {{ natural_key(['repair_no']) }} as credit_repair_id,
        penalty_id,
        organisation_id,
        repair_no,
        penalty_doc_no,
        uscc,
        party_name,
        party_kind,
        applied_date,
        decided_date,
        result,
        is_orphan,
        is_party_different,
        coalesce(result = '准予' and decided_date < publicity_min_end_date, false)
            as is_before_minimum,
        authority,
        authority_code,
        reports,
        reported_at,
        reported_date,
        _batch_id,
        _loaded_at
    from joined
)

select * from final
