-- Written from the contract fgj.credit_list by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('fgj', 'credit_list') }}
),

final as (
    select
        list_code,
        list_name,
        list_kind,
        uscc,
        party_name,
        listed_date,
        basis,
        authority,
        authority_code,
        list_date,
        _event_date as event_date,
        _batch_id,
        _loaded_at
    from source
)

select * from final
