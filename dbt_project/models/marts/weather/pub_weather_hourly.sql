with

hours as (
    select *
    from {{ ref('fct_weather_hourly') }}
    where {{ only_affected_days('observed_date') }}
),

final as (
    select
        weather_hour_id,
        station_code,
        station_name,
        town_code,
        latitude_deg,
        longitude_deg,
        altitude_m,
        observed_at,
        observed_date,
        pressure_hpa,
        temperature_c,
        humidity_pct,
        precipitation_mm,
        wind_direction_deg,
        wind_speed_ms,
        temperature_quality,
        precipitation_quality
    from hours
)

select * from final
