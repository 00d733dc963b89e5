-- Written from the contract jtj.gtfs_static by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('jtj', 'gtfs_static__stop_times') }}
),

final as (
    select
        trip_id as trip_code,
        arrival_seconds,
        departure_seconds,
        stop_id as stop_code,
        stop_sequence,
        _batch_id,
        _loaded_at
    from source
)

select * from final
