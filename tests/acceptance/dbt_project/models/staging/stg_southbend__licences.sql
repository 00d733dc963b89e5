with

source as (
    select * from {{ source('southbend', 'licences') }}
),

final as (
    select * from source
)

select * from final
