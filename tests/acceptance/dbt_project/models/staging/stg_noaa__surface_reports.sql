with

source as (
    select * from {{ source('noaa', 'isd') }}
),

final as (
    select * from source
)

select * from final
