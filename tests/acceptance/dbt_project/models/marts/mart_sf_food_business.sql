with

businesses as (
    select * from {{ ref('stg_sfdph__businesses') }}
),

inspections as (
    select
        business_id,
        count(*) as inspections,
        count(score) as scored_inspections,
        max(inspected_date) as last_inspected_date
    from {{ ref('stg_sfdph__inspections') }}
    group by business_id
),

violations as (
    select
        business_id,
        count(*) as violations
    from {{ ref('stg_sfdph__violations') }}
    group by business_id
),

final as (
    select
        businesses.business_id,
        businesses.business_name,
        coalesce(inspections.inspections, 0) as inspections,
        coalesce(inspections.scored_inspections, 0) as scored_inspections,
        inspections.last_inspected_date,
        coalesce(violations.violations, 0) as violations
    from businesses
    left join inspections on businesses.business_id = inspections.business_id
    left join violations on businesses.business_id = violations.business_id
)

select * from final
