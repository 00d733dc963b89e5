with

weather as (
    select * from {{ ref('mart_weather_daily') }}
),

inspections as (
    select * from {{ ref('mart_food_inspection_daily') }}
),

complaints as (
    select * from {{ ref('fct_food_complaint') }}
),

places as (
    select * from {{ ref('dim_place') }}
),

complaint_days as (
    select
        opened_date,
        town_code,
        count(*) as complaints
    from complaints
    group by opened_date, town_code
),

town_days as (
    select
        met_date as brief_date,
        town_code
    from weather
    union
    select
        inspected_date as brief_date,
        town_code
    from inspections
    union
    select
        opened_date as brief_date,
        town_code
    from complaint_days
),

final as (
    select
        {{ natural_key(['town_days.brief_date', 'town_days.town_code']) }}
            as town_brief_id,
        town_days.brief_date,
        places.place_id,
        town_days.town_code,
        places.name_zh as town_name,
        weather.temperature_mean_c,
        weather.temperature_min_c,
        weather.temperature_max_c,
        weather.precipitation_mm,
        weather.is_complete as is_weather_complete,
        coalesce(inspections.inspections, 0) as inspections,
        coalesce(inspections.failed_inspections, 0) as failed_inspections,
        coalesce(complaint_days.complaints, 0) as complaints
    from town_days
    left join places
        on
            town_days.town_code = places.town_code
            and town_days.brief_date >= places.valid_from_date
            and (
                places.valid_to_date is null
                or town_days.brief_date < places.valid_to_date
            )
    left join weather
        on
            town_days.brief_date = weather.met_date
            and town_days.town_code = weather.town_code
    left join inspections
        on
            town_days.brief_date = inspections.inspected_date
            and town_days.town_code = inspections.town_code
    left join complaint_days
        on
            town_days.brief_date = complaint_days.opened_date
            and town_days.town_code = complaint_days.town_code
)

select * from final
