with

source as (
    select * from {{ source('bench', 'gps') }}
),

final as (
    select
        vehicle,
        positioned_at,
        _event_date as positioned_date,
        longitude,
        latitude,
        speed_kmh,
        _batch_id
    from source
)

select * from final
