with

offices as (
    select * from {{ ref('stg_office__offices') }}
),

final as (
    select
        {{ natural_key(['office_code']) }} as office_id,
        office_code,
        office_name,
        district,
        opened_date,
        _batch_id,
        _loaded_at
    from offices
)

select * from final
