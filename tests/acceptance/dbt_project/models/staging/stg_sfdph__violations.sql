with

source as (
    select * from {{ source('sfdph', 'violations') }}
),

final as (
    select * from source
)

select * from final
