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
    select * from {{ ref('stg_office__readings') }}
),

timed as (
    select
        *,
        {{ local_timestamp('read_at') }} as read_local
    from readings
),

final as (
    select
        {{ natural_key(['office_code', 'read_local']) }} as reading_id,
        office_code,
        read_at,
        read_date,
        -- A billing day ends at 20:00 local time, that moment included.
        cast(read_local + interval 14399 second as date) as billing_date,
        energy_kwh,
        _batch_id,
        _loaded_at
    from timed
)

select * from final
