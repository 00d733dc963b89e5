with

days as (
    select *
    from {{ ref('mart_air_quality_daily') }}
    where {{ only_affected_days('observed_date') }}
),

breakpoints as (
    select * from {{ ref('ref_air_breakpoint') }}
),

-- Every limit beside the day's value of its pollutant: the standard that held that day.
compared as (
    select
        days.air_quality_day_id,
        breakpoints.pollutant,
        breakpoints.iaqi_low,
        breakpoints.iaqi_high,
        breakpoints.concentration_low,
        breakpoints.concentration_high,
        case breakpoints.pollutant
            when 'pm25' then days.pm25_ug_m3
            when 'pm10' then days.pm10_ug_m3
            when 'so2' then days.so2_ug_m3
            when 'no2' then days.no2_ug_m3
            when 'o3' then days.o3_max_ug_m3
            when 'co' then days.co_mg_m3
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
        air_quality_day_id,
        pollutant,
        max(cast(ceil(
            iaqi_low
            + (iaqi_high - iaqi_low)
            * (concentration - concentration_low)
            / (concentration_high - concentration_low)
        ) as int)) as iaqi
    from compared
    where concentration between concentration_low and concentration_high
    group by air_quality_day_id, pollutant
),

ranked as (
    select
        *,
        row_number() over (
            partition by air_quality_day_id
            order by iaqi desc, pollutant asc
        ) as place
    from indices
),

final as (
    select
        days.air_quality_day_id,
        days.observed_date,
        days.station_code,
        days.station_name,
        days.hours_observed,
        ranked.iaqi as aqi,
        case when ranked.iaqi > 50 then ranked.pollutant end as primary_pollutant,
        days.hours_observed >= 20 as is_complete
    from days
    left join ranked
        on
            days.air_quality_day_id = ranked.air_quality_day_id
            and ranked.place = 1
)

select * from final
