{{
    config(
        materialized='incremental',
        incremental_strategy='affected_days',
        meta={'citylake': {
            'feeds': ['office.call'],
            'day_column': 'called_date',
        }}
    )
}}

with

calls as (
    select * from {{ ref('stg_office__calls') }}
),

final as (
    select
        {{ natural_key(['call_no', 'called_date']) }} as call_id,
        {{ natural_key(['office_code']) }} as office_id,
        call_no,
        office_code,
        called_at,
        called_date,
        topic,
        minutes,
        _batch_id,
        _loaded_at
    from calls
)

select * from final
