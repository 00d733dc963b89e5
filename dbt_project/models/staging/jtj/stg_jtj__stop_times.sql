with

source as (
    select * from {{ source('jtj', 'gtfs_static__stop_times') }}
),

final as (
    select
        trip_id as trip_code,
        stop_sequence,
        stop_id as stop_code,
        arrival_seconds,
        departure_seconds,
        _batch_id,
        _loaded_at
    from source
)

select * from final
