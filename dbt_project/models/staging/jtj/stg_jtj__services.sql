with

source as (
    select * from {{ source('jtj', 'gtfs_static__calendar') }}
),

final as (
    select
        service_id as service_code,
        monday = 1 as runs_monday,
        tuesday = 1 as runs_tuesday,
        wednesday = 1 as runs_wednesday,
        thursday = 1 as runs_thursday,
        friday = 1 as runs_friday,
        saturday = 1 as runs_saturday,
        sunday = 1 as runs_sunday,
        start_date,
        end_date,
        _batch_id,
        _loaded_at
    from source
)

select * from final
