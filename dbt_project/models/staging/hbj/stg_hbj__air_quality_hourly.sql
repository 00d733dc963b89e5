-- Written from the contract hbj.air_quality_hourly by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('hbj', 'air_quality_hourly') }}
),

final as (
    select
        time_point as observed_at,
        _event_date as observed_date,
        station_code,
        position_name as station_name,
        pm2_5 as pm25_ug_m3,
        pm10 as pm10_ug_m3,
        so2 as so2_ug_m3,
        no2 as no2_ug_m3,
        o3 as o3_ug_m3,
        co as co_mg_m3,
        aqi as published_aqi,
        primary_pollutant,
        quality,
        _batch_id,
        _loaded_at
    from source
)

select * from final
