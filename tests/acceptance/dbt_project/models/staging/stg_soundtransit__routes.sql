with

source as (
    select * from {{ source('soundtransit', 'gtfs__routes') }}
),

final as (
    select * from source
)

select * from final
