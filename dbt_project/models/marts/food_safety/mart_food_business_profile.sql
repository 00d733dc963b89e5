with

businesses as (
    select * from {{ ref('dim_food_business') }}
),

inspections as (
    select * from {{ ref('fct_food_inspection') }}
),

complaints as (
    select * from {{ ref('fct_food_complaint') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by food_business_id
            order by inspected_at desc, inspection_no desc
        ) as recency
    from inspections
),

inspection_totals as (
    select
        food_business_id,
        count(*) as inspections,
        cast(sum(case when is_passed then 0 else 1 end) as bigint)
            as failed_inspections,
        cast(sum(failed_items) as bigint) as failed_items,
        max(case when recency = 1 then inspected_date end) as last_inspected_date,
        max(case when recency = 1 then grade end) as last_grade,
        max(case when recency = 1 then score end) as last_score,
        max(case when recency = 1 then case when is_passed then 1 else 0 end end)
            as last_passed
    from ranked
    group by food_business_id
),

complaint_totals as (
    select
        food_business_id,
        count(*) as complaints,
        cast(sum(case when is_closed then 0 else 1 end) as bigint)
            as open_complaints,
        max(opened_date) as last_complaint_date
    from complaints
    where food_business_id is not null
    group by food_business_id
),

final as (
    select
        businesses.food_business_id,
        businesses.licence_no,
        businesses.operator_name,
        businesses.business_kind,
        businesses.place_id,
        businesses.town_code,
        businesses.valid_to_date,
        businesses.licence_status,
        coalesce(inspection_totals.inspections, 0) as inspections,
        coalesce(inspection_totals.failed_inspections, 0) as failed_inspections,
        coalesce(inspection_totals.failed_items, 0) as failed_items,
        inspection_totals.last_inspected_date,
        inspection_totals.last_grade,
        inspection_totals.last_score,
        inspection_totals.last_passed = 1 as is_last_passed,
        coalesce(complaint_totals.complaints, 0) as complaints,
        coalesce(complaint_totals.open_complaints, 0) as open_complaints,
        complaint_totals.last_complaint_date
    from businesses
    left join inspection_totals
        on businesses.food_business_id = inspection_totals.food_business_id
    left join complaint_totals
        on businesses.food_business_id = complaint_totals.food_business_id
)

select * from final
