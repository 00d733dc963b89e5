-- Written from the contract jtj.gtfs_static by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('jtj', 'gtfs_static__stops') }}
),

final as (
    select
        stop_id as stop_code,
        stop_name,
        stop_lat as latitude_deg,
        stop_lon as longitude_deg,
        _batch_id,
        _loaded_at
    from source
)

select * from final
