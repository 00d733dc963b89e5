with

source as (
    select * from {{ source('fsa', 'ratings') }}
),

final as (
    select * from source
)

select * from final
