with

visits as (
    select * from {{ ref('fct_visit') }}
),

facilities as (
    select * from {{ ref('dim_health_facility') }}
),

dates as (
    select * from {{ ref('dim_date') }}
),

-- A system is the hospital's whose group it serves: of several, of the lowest code.
hospital_ranked as (
    select
        health_system,
        facility_code,
        facility_name as hospital_name,
        health_facility_id,
        row_number() over (
            partition by health_system
            order by facility_code
        ) as place
    from facilities
    where facility_kind = '医院' and health_system is not null
),

hospitals as (
    select *
    from hospital_ranked
    where place = 1
),

received as (
    select
        health_system,
        visited_date,
        count(*) as visits,
        count(health_resident_id) + count(health_facility_id) + count(clinic_id)
        + count(place_id)
        + count(case when icd10_status = 'valid' then 1 end) as items,
        count(case when is_patient_dangling then 1 end)
        + count(case when is_organization_dangling then 1 end)
            as dangling_references,
        count(case when icd10_status = 'other_year' then 1 end)
            as other_year_codes
    from visits
    where is_counted
    group by health_system, visited_date
),

connected as (
    select
        health_system,
        min(visited_date) as first_date
    from received
    group by health_system
),

-- Every day from the first on is expected to have visits.
expected as (
    select
        connected.health_system,
        dates.calendar_date,
        dates.iso_weekday,
        coalesce(received.visits, 0) as visits,
        coalesce(received.items, 0) as items,
        coalesce(received.dangling_references, 0) as dangling_references,
        coalesce(received.other_year_codes, 0) as other_year_codes
    from connected
    inner join dates
        on
            connected.first_date <= dates.calendar_date
            and dates.calendar_date <= {{ as_of() }}
    left join received
        on
            connected.health_system = received.health_system
            and dates.calendar_date = received.visited_date
),

-- What is usual is the mean of the same weekday in the four weeks before, days without
-- visits left out; with fewer than two such days, the mean of the seven days before.
averaged as (
    select
        *,
        count(case when visits > 0 then visits end) over (
            partition by health_system, iso_weekday
            order by calendar_date
            rows between 4 preceding and 1 preceding
        ) as weekdays_before,
        avg(case when visits > 0 then visits end) over (
            partition by health_system, iso_weekday
            order by calendar_date
            rows between 4 preceding and 1 preceding
        ) as weekday_visits,
        avg(case when visits > 0 then visits end) over (
            partition by health_system
            order by calendar_date
            rows between 7 preceding and 1 preceding
        ) as week_visits
    from expected
),

compared as (
    select
        *,
        case when weekdays_before >= 2 then weekday_visits else week_visits end
            as usual_visits
    from averaged
),

judged as (
    select
        *,
        case
            when visits > 0 then cast(items * 1.0 / (visits * 5) as decimal(9, 6))
        end as completeness,
        visits / usual_visits as usual_share
    from compared
),

final as (
    select
        {{ natural_key(['judged.health_system', 'judged.calendar_date']) }}
            as hospital_connection_id,
        judged.health_system,
        hospitals.health_facility_id,
        hospitals.facility_code,
        hospitals.hospital_name,
        judged.calendar_date,
        judged.visits > 0 as is_received,
        judged.visits,
        cast(judged.usual_visits as decimal(12, 2)) as usual_visits,
        judged.completeness,
        judged.dangling_references,
        judged.other_year_codes,
        case
            when judged.visits = 0 and judged.calendar_date >= {{ as_of() }}
                then 'pending'
            when judged.visits = 0 or judged.usual_share < 0.5 then 'red'
            when judged.completeness < 0.95 or judged.usual_share < 0.8
                then 'amber'
            else 'green'
        end as connection_status
    from judged
    left join hospitals on judged.health_system = hospitals.health_system
)

select * from final
