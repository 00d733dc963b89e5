with

source as (
    select * from {{ source('takamatsu', 'food_permit') }}
),

final as (
    select * from source
)

select * from final
