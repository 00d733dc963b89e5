with

visits as (
    select *
    from {{ ref('fct_visit') }}
    where is_counted
),

counted as (
    select
        visited_date,
        coalesce(town_code, 'unknown') as town_code,
        syndrome,
        count(*) as visits,
        cast(sum(case when visit_class = 'EMER' then 1 else 0 end) as bigint)
            as emergency_visits,
        cast(sum(case when visit_class = 'IMP' then 1 else 0 end) as bigint)
            as inpatient_visits
    from visits
    group by visited_date, coalesce(town_code, 'unknown'), syndrome
),

final as (
    select
        {{ natural_key(['visited_date', 'town_code', 'syndrome']) }}
            as visit_day_id,
        visited_date,
        case
            when town_code <> 'unknown' then {{ natural_key(['town_code']) }}
        end as place_id,
        town_code,
        syndrome,
        visits,
        emergency_visits,
        inpatient_visits
    from counted
)

select * from final
