with

station_days as (
    select * from {{ ref('int_station_day_last_seen') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by station_code
            order by observed_date desc
        ) as recency,
        min(observed_date) over (partition by station_code) as first_observed_date
    from station_days
),

final as (
    select
        weather_station_id,
        station_code,
        station_name,
        place_id,
        town_code,
        latitude_deg,
        longitude_deg,
        altitude_m,
        first_observed_date,
        observed_date as last_observed_date
    from ranked
    where recency = 1
)

select * from final
