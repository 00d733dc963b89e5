with

hours as (
    select *
    from {{ ref('fct_air_quality_hourly') }}
    where {{ only_affected_days('observed_date') }}
),

breakpoints as (
    select * from {{ ref('ref_air_breakpoint') }}
),

-- Means of the day; of ozone the highest hour (HJ 633-2012, table 1).
days as (
    select
        observed_date,
        station_code,
        max(station_name) as station_name,
        count(*) as hours_observed,
        round(avg(pm25_ug_m3)) as pm25_ug_m3,
        round(avg(pm10_ug_m3)) as pm10_ug_m3,
        round(avg(so2_ug_m3)) as so2_ug_m3,
        round(avg(no2_ug_m3)) as no2_ug_m3,
        round(avg(cast(co_mg_m3 as decimal(8, 2))), 1) as co_mg_m3,
        max(o3_ug_m3) as o3_max_ug_m3
    from hours
    group by observed_date, station_code
),

values_at as (
    select
        days.observed_date,
        days.station_code,
        breakpoints.*,
        case breakpoints.pollutant
            when 'pm25' then days.pm25_ug_m3
            when 'pm10' then days.pm10_ug_m3
            when 'so2' then days.so2_ug_m3
            when 'no2' then days.no2_ug_m3
            when 'co' then days.co_mg_m3
            when 'o3' then days.o3_max_ug_m3
        end as concentration
    from days
    inner join breakpoints
        on
            days.observed_date >= breakpoints.valid_from
            and (
                breakpoints.valid_to is null
                or days.observed_date < breakpoints.valid_to
            )
),

indices as (
    select
        observed_date,
        station_code,
        max(ceil(
            iaqi_low
            + (iaqi_high - iaqi_low)
            * (concentration - concentration_low)
            / (concentration_high - concentration_low)
        )) as aqi
    from values_at
    where
        concentration >= concentration_low
        and concentration <= concentration_high
    group by observed_date, station_code
),

final as (
    select
        {{ natural_key(['days.observed_date', 'days.station_code']) }}
            as air_quality_day_id,
        days.observed_date,
        days.station_code,
        days.station_name,
        days.hours_observed,
        days.pm25_ug_m3,
        days.pm10_ug_m3,
        days.so2_ug_m3,
        days.no2_ug_m3,
        days.co_mg_m3,
        days.o3_max_ug_m3,
        cast(indices.aqi as int) as aqi
    from days
    left join indices
        on
            days.observed_date = indices.observed_date
            and days.station_code = indices.station_code
)

select * from final
