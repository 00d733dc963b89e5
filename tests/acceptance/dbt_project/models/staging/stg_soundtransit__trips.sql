with

source as (
    select * from {{ source('soundtransit', 'gtfs__trips') }}
),

final as (
    select * from source
)

select * from final
