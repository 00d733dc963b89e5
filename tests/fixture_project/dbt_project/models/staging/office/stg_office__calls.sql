with

source as (
    select * from {{ source('office', 'call') }}
),

final as (
    select
        call_id as call_no,
        office_code,
        called_at,
        _event_date as called_date,
        topic,
        minutes,
        _batch_id,
        _loaded_at
    from source
)

select * from final
