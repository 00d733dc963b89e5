-- Written from the contract qxj.wx_station_hourly by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('qxj', 'wx_station_hourly') }}
),

final as (
    select
        station_id as station_code,
        station_name,
        latitude as latitude_deg,
        longitude as longitude_deg,
        altitude_m,
        pressure_hpa,
        temperature_c,
        humidity_pct,
        precipitation_mm,
        wind_direction_deg,
        wind_speed_ms,
        q_temperature as temperature_quality,
        q_precipitation as precipitation_quality,
        observed_at,
        _event_date as observed_date,
        _batch_id,
        _loaded_at
    from source
)

select * from final
