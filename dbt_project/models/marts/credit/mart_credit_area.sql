with

permits as (
    select * from {{ ref('fct_permit') }}
),

penalties as (
    select * from {{ ref('fct_penalty') }}
),

memberships as (
    select * from {{ ref('fct_list_membership') }}
),

areas as (
    select * from {{ ref('ref_credit_area') }}
),

records as (
    select
        area_code,
        cast(date_trunc('month', decision_date) as date) as record_month,
        1 as permits,
        0 as penalties,
        0 as list_memberships
    from permits
    union all
    select
        area_code,
        cast(date_trunc('month', decision_date) as date) as record_month,
        0 as permits,
        1 as penalties,
        0 as list_memberships
    from penalties
    union all
    select
        area_code,
        cast(date_trunc('month', valid_from_date) as date) as record_month,
        0 as permits,
        0 as penalties,
        1 as list_memberships
    from memberships
),

counted as (
    select
        area_code,
        record_month,
        cast(sum(permits) as bigint) as permits,
        cast(sum(penalties) as bigint) as penalties,
        cast(sum(list_memberships) as bigint) as list_memberships
    from records
    group by area_code, record_month
),

final as (
    select
        {{ natural_key(['counted.area_code', 'counted.record_month']) }}
            as credit_area_month_id,
        counted.area_code,
        areas.name_zh as area_name,
        counted.record_month,
        counted.permits,
        counted.penalties,
        counted.list_memberships
    from counted
    left join areas on counted.area_code = areas.area_code
)

select * from final
