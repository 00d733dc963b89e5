with

hours as (
    select *
    from {{ ref('fct_weather_hourly') }}
    where {{ only_affected_days('met_date') }}
),

-- Values a quality code calls wrong (2) or missing (8) are not used; missing codes are
-- null since conform, so neither enters a mean or a sum.
usable as (
    select
        met_date,
        place_id,
        town_code,
        station_code,
        wind_speed_ms,
        -- Decimals, so that sums do not depend on the order of rows.
        cast(humidity_pct as decimal(8, 3)) as humidity_pct,
        case
            when coalesce(temperature_quality, 0) not in (2, 8)
                then cast(temperature_c as decimal(8, 3))
        end as temperature_c,
        case
            when coalesce(precipitation_quality, 0) not in (2, 8)
                then cast(precipitation_mm as decimal(8, 3))
        end as precipitation_mm
    from hours
    where place_id is not null
),

station_days as (
    select
        met_date,
        place_id,
        town_code,
        station_code,
        count(*) as hours_observed,
        count(temperature_c) as temperature_hours,
        count(precipitation_mm) as precipitation_hours,
        sum(temperature_c) as temperature_sum_c,
        min(temperature_c) as temperature_min_c,
        max(temperature_c) as temperature_max_c,
        count(humidity_pct) as humidity_hours,
        sum(humidity_pct) as humidity_sum_pct,
        max(wind_speed_ms) as wind_speed_max_ms,
        sum(precipitation_mm) as precipitation_mm
    from usable
    group by met_date, place_id, town_code, station_code
),

final as (
    select
        {{ natural_key(['met_date', 'town_code']) }} as weather_day_id,
        met_date,
        place_id,
        town_code,
        count(*) as stations,
        cast(sum(hours_observed) as bigint) as hours_observed,
        cast(sum(temperature_hours) as bigint) as temperature_hours,
        cast(sum(precipitation_hours) as bigint) as precipitation_hours,
        min(hours_observed) = 24 as is_complete,
        cast(
            sum(temperature_sum_c) / nullif(sum(temperature_hours), 0) as decimal(6, 2)
        ) as temperature_mean_c,
        cast(min(temperature_min_c) as decimal(6, 2)) as temperature_min_c,
        cast(max(temperature_max_c) as decimal(6, 2)) as temperature_max_c,
        cast(
            sum(humidity_sum_pct) / nullif(sum(humidity_hours), 0) as decimal(6, 2)
        ) as humidity_mean_pct,
        max(wind_speed_max_ms) as wind_speed_max_ms,
        -- Of a town with several stations: the mean of their totals.
        cast(
            sum(precipitation_mm) / nullif(count(precipitation_mm), 0) as decimal(8, 2)
        ) as precipitation_mm
    from station_days
    group by met_date, place_id, town_code
)

select * from final
