-- Written from the contract jtj.gtfs_static by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('jtj', 'gtfs_static__calendar_dates') }}
),

final as (
    select
        service_id as service_code,
        service_date,
        exception_type,
        _batch_id,
        _loaded_at
    from source
)

select * from final
