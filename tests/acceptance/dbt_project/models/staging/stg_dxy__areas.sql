with

source as (
    select * from {{ source('dxy', 'area') }}
),

final as (
    select * from source
)

select * from final
