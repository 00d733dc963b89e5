with

cases as (
    select *
    from {{ ref('fct_notifiable_case') }}
    where not is_withdrawn
),

dates as (
    select * from {{ ref('dim_date') }}
),

places as (
    select * from {{ ref('dim_place') }}
),

diseases as (
    select * from {{ ref('ref_notifiable_disease') }}
),

span as (
    select min(diagnosed_date) as first_date
    from cases
),

weeks as (
    select dates.calendar_date as week_start_date
    from dates
    inner join span
        on dates.calendar_date >= {{ add_days('span.first_date', '-6') }}
    where
        dates.iso_weekday = 1
        and dates.calendar_date <= {{ as_of() }}
),

towns as (
    select
        town_code,
        place_id,
        valid_from_date,
        valid_to_date
    from places
    union all
    select
        'unknown' as town_code,
        cast(null as varchar) as place_id,
        cast(null as date) as valid_from_date,
        cast(null as date) as valid_to_date
),

-- A town or disease that begins or ends within a week has that week.
cells as (
    select distinct
        diseases.disease_code,
        weeks.week_start_date,
        towns.town_code,
        towns.place_id
    from weeks
    inner join diseases
        on
            {{ add_days('weeks.week_start_date', '6') }} >= diseases.valid_from
            and (
                diseases.valid_to is null
                or weeks.week_start_date < diseases.valid_to
            )
    inner join towns
        on
            (
                towns.valid_from_date is null
                or {{ add_days('weeks.week_start_date', '6') }}
                >= towns.valid_from_date
            )
            and (
                towns.valid_to_date is null
                or weeks.week_start_date < towns.valid_to_date
            )
),

counted as (
    select
        disease_code,
        counted_town_code as town_code,
        week_start_date,
        count(*) as cases,
        count(death_date) as deaths
    from cases
    group by disease_code, counted_town_code, week_start_date
),

final as (
    select
        {{ natural_key([
            'cells.disease_code', 'cells.town_code', 'cells.week_start_date'
        ]) }} as notifiable_week_id,
        cells.disease_code,
        cells.town_code,
        cells.place_id,
        cells.week_start_date,
        coalesce(counted.cases, 0) as cases,
        coalesce(counted.deaths, 0) as deaths
    from cells
    left join counted
        on
            cells.disease_code = counted.disease_code
            and cells.town_code = counted.town_code
            and cells.week_start_date = counted.week_start_date
)

select * from final
