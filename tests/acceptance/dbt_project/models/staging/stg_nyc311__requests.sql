with

source as (
    select * from {{ source('nyc311', 'requests') }}
),

final as (
    select * from source
)

select * from final
