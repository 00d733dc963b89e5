with

source as (
    select * from {{ source('prsa', 'hourly') }}
),

final as (
    select * from source
)

select * from final
