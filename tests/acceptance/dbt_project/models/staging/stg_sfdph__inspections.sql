with

source as (
    select * from {{ source('sfdph', 'inspections') }}
),

final as (
    select * from source
)

select * from final
