with

hours as (
    select *
    from {{ ref('fct_weather_hourly') }}
    where {{ only_affected_days('observed_date') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by station_code, observed_date
            order by observed_at desc
        ) as recency,
        count(*) over (
            partition by station_code, observed_date
        ) as hours_observed
    from hours
),

final as (
    select
        weather_station_id,
        station_code,
        observed_date,
        station_name,
        place_id,
        town_code,
        latitude_deg,
        longitude_deg,
        altitude_m,
        hours_observed
    from ranked
    where recency = 1
)

select * from final
