with

reports as (
    select * from {{ ref('int_repair_reported') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by repair_no
            order by reported_at desc, _batch_id desc
        ) as recency
    from reports
),

penalties as (
    select * from {{ ref('int_penalty_consolidated') }}
),

-- A repair of another party's penalty is a mistake of the number and ends nothing.
granted as (
    select
        penalties.penalty_id,
        coalesce(ranked.decided_date, ranked.reported_date) as granted_date
    from ranked
    inner join penalties on ranked.penalty_doc_no = penalties.doc_no
    where
        ranked.recency = 1
        and ranked.result = '准予'
        and (
            ranked.uscc is null
            or penalties.uscc is null
            or ranked.uscc = penalties.uscc
        )
),

final as (
    select
        penalty_id,
        min(granted_date) as repair_granted_date
    from granted
    group by penalty_id
)

select * from final
