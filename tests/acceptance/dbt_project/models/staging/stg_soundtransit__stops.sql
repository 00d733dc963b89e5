with

source as (
    select * from {{ source('soundtransit', 'gtfs__stops') }}
),

final as (
    select * from source
)

select * from final
