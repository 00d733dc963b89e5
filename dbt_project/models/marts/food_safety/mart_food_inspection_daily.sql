with

inspections as (
    select * from {{ ref('fct_food_inspection') }}
),

businesses as (
    select * from {{ ref('dim_food_business') }}
),

-- The register is today's: a business that moves takes its history along. An inspection
-- whose licence is not in the register is kept under the town `unknown`.
placed as (
    select
        inspections.inspected_date,
        inspections.score,
        inspections.is_passed,
        inspections.failed_items,
        businesses.place_id,
        coalesce(businesses.town_code, 'unknown') as town_code
    from inspections
    left join businesses
        on inspections.food_business_id = businesses.food_business_id
),

final as (
    select
        {{ natural_key(['inspected_date', 'town_code']) }} as food_inspection_day_id,
        inspected_date,
        place_id,
        town_code,
        count(*) as inspections,
        cast(sum(case when is_passed then 0 else 1 end) as bigint)
            as failed_inspections,
        cast(sum(failed_items) as bigint) as failed_items,
        cast(avg(score) as decimal(5, 2)) as mean_score
    from placed
    group by inspected_date, place_id, town_code
)

select * from final
