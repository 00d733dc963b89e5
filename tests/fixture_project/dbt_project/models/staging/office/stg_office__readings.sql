with

source as (
    select * from {{ source('office', 'reading') }}
),

final as (
    select
        office_code,
        read_at,
        _event_date as read_date,
        energy_kwh,
        _batch_id,
        _loaded_at
    from source
)

select * from final
