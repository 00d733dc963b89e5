with

permits as (
    select * from {{ ref('fct_permit') }}
),

penalties as (
    select * from {{ ref('fct_penalty') }}
),

decisions as (
    select
        'permit' as record_kind,
        authority,
        department_code,
        first_reported_date,
        is_compliant,
        is_late
    from permits
    union all
    select
        'penalty' as record_kind,
        authority,
        department_code,
        first_reported_date,
        is_compliant,
        is_late
    from penalties
),

counted as (
    select
        record_kind,
        authority,
        department_code,
        cast(date_trunc('month', first_reported_date) as date) as received_month,
        count(*) as received,
        cast(sum(case when is_compliant then 1 else 0 end) as bigint) as compliant,
        cast(sum(case when is_late then 1 else 0 end) as bigint) as late
    from decisions
    group by
        record_kind,
        authority,
        department_code,
        cast(date_trunc('month', first_reported_date) as date)
),

final as (
    select
        {{ natural_key(['record_kind', 'authority', 'received_month']) }}
            as double_publicity_id,
        record_kind,
        authority,
        department_code,
        received_month,
        received,
        compliant,
        late,
        cast(compliant * 1.0 / received as decimal(9, 6)) as compliance_rate,
        cast(late * 1.0 / received as decimal(9, 6)) as late_rate
    from counted
)

select * from final
