with

hours as (
    select *
    from {{ ref('fct_air_quality_hourly') }}
    where {{ only_affected_days('observed_date') }}
),

final as (
    select
        {{ natural_key(['observed_date', 'station_code']) }} as air_quality_day_id,
        observed_date,
        station_code,
        max(station_name) as station_name,
        count(*) as hours_observed,
        cast(round(avg(pm25_ug_m3)) as int) as pm25_ug_m3,
        cast(round(avg(pm10_ug_m3)) as int) as pm10_ug_m3,
        cast(round(avg(so2_ug_m3)) as int) as so2_ug_m3,
        cast(round(avg(no2_ug_m3)) as int) as no2_ug_m3,
        max(o3_ug_m3) as o3_max_ug_m3,
        cast(avg(cast(co_mg_m3 as decimal(6, 2))) as decimal(6, 1)) as co_mg_m3
    from hours
    group by observed_date, station_code
)

select * from final
