-- Written from the contract gsj.market_entity_register by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('gsj', 'market_entity_register') }}
),

final as (
    select
        entity_no,
        uscc,
        status,
        updated_at,
        _batch_id,
        _loaded_at
    from source
)

select * from final
