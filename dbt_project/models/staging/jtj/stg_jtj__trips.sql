with

source as (
    select * from {{ source('jtj', 'gtfs_static__trips') }}
),

final as (
    select
        trip_id as trip_code,
        route_id as route_code,
        service_id as service_code,
        trip_headsign,
        direction_id as direction,
        _batch_id,
        _loaded_at
    from source
)

select * from final
