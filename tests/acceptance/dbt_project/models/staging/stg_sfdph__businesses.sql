with

source as (
    select * from {{ source('sfdph', 'businesses') }}
),

final as (
    select * from source
)

select * from final
