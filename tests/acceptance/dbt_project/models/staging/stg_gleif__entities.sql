with

source as (
    select * from {{ source('gleif', 'lei') }}
),

final as (
    select * from source
)

select * from final
