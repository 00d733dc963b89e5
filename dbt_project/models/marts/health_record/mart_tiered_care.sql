with

visits as (
    select *
    from {{ ref('fct_visit') }}
    where is_counted
),

facilities as (
    select * from {{ ref('dim_health_facility') }}
),

first_day as (
    select min(visited_date) as first_visited_date
    from visits
),

-- Visits of nobody in particular have no visit before.
sequenced as (
    select
        *,
        lag(visited_date) over (
            partition by coalesce(health_resident_id, visit_id)
            order by visited_at, visit_id
        ) as previous_date
    from visits
),

contacts as (
    select
        sequenced.visited_date,
        coalesce(sequenced.town_code, 'unknown') as town_code,
        coalesce(facilities.is_primary_care, false) as is_primary_care,
        sequenced.health_resident_id is not null
        and (
            sequenced.previous_date is null
            or sequenced.visited_date - sequenced.previous_date > 30
        ) as is_first_contact,
        sequenced.visited_date - first_day.first_visited_date > 30
            as is_history_complete
    from sequenced
    left join facilities
        on sequenced.health_facility_id = facilities.health_facility_id
    cross join first_day
),

final as (
    select
        {{ natural_key(['visited_date', 'town_code']) }} as tiered_care_day_id,
        visited_date,
        case
            when town_code <> 'unknown' then {{ natural_key(['town_code']) }}
        end as place_id,
        town_code,
        is_history_complete,
        count(*) as visits,
        count(case when is_primary_care then 1 end) as primary_visits,
        count(case when is_first_contact then 1 end) as first_contacts,
        count(case when is_first_contact and is_primary_care then 1 end)
            as primary_first_contacts
    from contacts
    group by visited_date, town_code, is_history_complete
)

select * from final
