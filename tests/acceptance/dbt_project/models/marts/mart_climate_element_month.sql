with

daily_values as (
    select * from {{ ref('stg_noaa__daily_values') }}
),

final as (
    select
        station_id,
        element,
        cast(date_trunc('month', observed_date) as date) as month_date,
        count(*) as day_values,
        count(quality_flag) as failed_values,
        min(measure) as lowest,
        max(measure) as highest,
        sum(measure) as total
    from daily_values
    group by station_id, element, cast(date_trunc('month', observed_date) as date)
)

select * from final
