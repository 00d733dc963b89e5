{{
    config(
        materialized='incremental',
        incremental_strategy='affected_days',
        meta={'citylake': {
            'feeds': ['office.reading'],
            'day_column': 'billing_date',
            'spread': [0, 1],
        }}
    )
}}

with

readings as (
    select *
    from {{ ref('fct_reading') }}
    where {{ only_affected_days('billing_date') }}
),

final as (
    select
        {{ natural_key(['office_code', 'billing_date']) }} as office_day_id,
        office_code,
        billing_date,
        count(*) as readings,
        cast(sum(energy_kwh) as decimal(12, 3)) as energy_kwh
    from readings
    group by office_code, billing_date
)

select * from final
