-- Written from the contract jtj.gtfs_static by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('jtj', 'gtfs_static__feed_info') }}
),

final as (
    select
        feed_publisher_name,
        feed_publisher_url,
        feed_lang,
        feed_version,
        feed_start_date,
        feed_end_date,
        _batch_id,
        _loaded_at
    from source
)

select * from final
