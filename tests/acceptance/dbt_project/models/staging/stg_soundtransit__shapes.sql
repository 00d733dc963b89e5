with

source as (
    select * from {{ source('soundtransit', 'gtfs__shapes') }}
),

final as (
    select * from source
)

select * from final
