with

source as (
    select * from {{ source('soundtransit', 'gtfs__calendar_dates') }}
),

final as (
    select * from source
)

select * from final
