with

hours as (
    select * from {{ ref('fct_air_hour') }}
),

final as (
    select
        station,
        cast(date_trunc('month', observed_date) as date) as month_date,
        count(*) as hours,
        count(pm25_ugm3) as pm25_hours,
        avg(pm25_ugm3) as pm25_mean_ugm3,
        count(co_ugm3) as co_hours,
        sum(rain_mm) as rain_mm
    from hours
    group by station, cast(date_trunc('month', observed_date) as date)
)

select * from final
