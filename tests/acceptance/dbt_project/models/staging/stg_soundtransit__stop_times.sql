with

source as (
    select * from {{ source('soundtransit', 'gtfs__stop_times') }}
),

final as (
    select * from source
)

select * from final
