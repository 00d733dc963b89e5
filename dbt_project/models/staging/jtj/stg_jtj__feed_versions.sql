with

source as (
    select * from {{ source('jtj', 'gtfs_static__feed_info') }}
),

final as (
    select
        feed_version,
        feed_publisher_name,
        feed_publisher_url,
        feed_lang,
        feed_start_date,
        feed_end_date,
        _batch_id,
        _loaded_at
    from source
)

select * from final
