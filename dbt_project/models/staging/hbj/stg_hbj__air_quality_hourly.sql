-- Written from the contract hbj.air_quality_hourly by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('hbj', 'air_quality_hourly') }}
),

final as (
    select
        observed_at,
        _event_date as observed_date,
        station_code,
        station_name,
        pm25_ug_m3,
        pm10_ug_m3,
        so2_ug_m3,
        no2_ug_m3,
        o3_ug_m3,
        co_mg_m3,
        published_aqi,
        primary_pollutant,
        quality,
        _batch_id,
        _loaded_at
    from source
)

select * from final
