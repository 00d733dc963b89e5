-- Written from the contract jtj.gtfs_static by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('jtj', 'gtfs_static__agency') }}
),

final as (
    select
        agency_id as agency_code,
        agency_name,
        agency_url,
        agency_timezone,
        agency_lang,
        _batch_id,
        _loaded_at
    from source
)

select * from final
