with

source as (
    select * from {{ source('soundtransit', 'gtfs__calendar') }}
),

final as (
    select * from source
)

select * from final
