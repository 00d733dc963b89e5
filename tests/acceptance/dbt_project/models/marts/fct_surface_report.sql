{{
    config(
        materialized='incremental',
        incremental_strategy='affected_days',
        meta={'citylake': {
            'feeds': ['noaa.isd'],
            'day_column': 'report_date',
        }}
    )
}}

with

surface_reports as (
    select * from {{ ref('stg_noaa__surface_reports') }}
),

final as (
    select
        usaf_id,
        wban_id,
        observed_at,
        _event_date as report_date,
        report_type,
        source_code,
        temperature_c,
        pressure_hpa,
        wind_speed_ms
    from surface_reports
)

select * from final
