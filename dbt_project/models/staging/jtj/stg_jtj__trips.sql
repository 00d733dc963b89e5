-- Written from the contract jtj.gtfs_static by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('jtj', 'gtfs_static__trips') }}
),

final as (
    select
        route_id as route_code,
        service_id as service_code,
        trip_id as trip_code,
        trip_headsign,
        direction_id as direction,
        _batch_id,
        _loaded_at
    from source
)

select * from final
