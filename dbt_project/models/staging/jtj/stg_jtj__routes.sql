-- Written from the contract jtj.gtfs_static by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('jtj', 'gtfs_static__routes') }}
),

final as (
    select
        route_id as route_code,
        agency_id as agency_code,
        route_short_name,
        route_long_name,
        route_type,
        _batch_id,
        _loaded_at
    from source
)

select * from final
