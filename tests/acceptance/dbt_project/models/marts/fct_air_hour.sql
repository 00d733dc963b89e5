{{
    config(
        materialized='incremental',
        incremental_strategy='affected_days',
        meta={'citylake': {
            'feeds': ['prsa.hourly'],
            'day_column': 'observed_date',
        }}
    )
}}

with

hours as (
    select * from {{ ref('stg_prsa__hours') }}
),

final as (
    select
        station,
        observed_at,
        _event_date as observed_date,
        pm25_ugm3,
        co_ugm3,
        rain_mm
    from hours
)

select * from final
