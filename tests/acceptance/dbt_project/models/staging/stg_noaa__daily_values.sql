with

source as (
    select * from {{ source('noaa', 'ghcnd') }}
),

final as (
    select * from source
)

select * from final
