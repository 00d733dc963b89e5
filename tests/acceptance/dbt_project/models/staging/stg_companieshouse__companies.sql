with

source as (
    select * from {{ source('companieshouse', 'companies') }}
),

final as (
    select * from source
)

select * from final
