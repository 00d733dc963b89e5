with

source as (
    select * from {{ source('office', 'register') }}
),

final as (
    select
        office_code,
        office_name,
        district,
        manager as manager_pseudonym,
        opened_date,
        _batch_id,
        _loaded_at
    from source
)

select * from final
