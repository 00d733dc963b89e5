with

surface_reports as (
    select * from {{ ref('fct_surface_report') }}
),

final as (
    select
        usaf_id,
        report_date,
        count(*) as reports,
        count(temperature_c) as temperature_reports,
        sum(temperature_c) as temperature_sum_c,
        min(pressure_hpa) as lowest_pressure_hpa,
        max(wind_speed_ms) as highest_wind_speed_ms
    from surface_reports
    group by usaf_id, report_date
)

select * from final
