{{
    config(
        materialized='incremental',
        incremental_strategy='affected_days',
        meta={'citylake': {
            'feeds': ['office.reading'],
            'day_column': 'read_date',
        }}
    )
}}

with

readings as (
    select *
    from {{ ref('fct_reading') }}
    where {{ only_affected_days('read_date') }}
),

final as (
    select
        reading_id,
        office_code,
        read_at,
        read_date,
        energy_kwh
    from readings
)

select * from final
