with

source as (
    select * from {{ source('chicago', 'licences') }}
),

final as (
    select * from source
)

select * from final
