-- Written from the contract syj.food_licence by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('syj', 'food_licence') }}
),

final as (
    select
        licence_no,
        operator_name,
        uscc,
        legal_rep as legal_rep_pseudonym,
        legal_rep_id as legal_rep_id_pseudonym,
        business_kind,
        items as licensed_items,
        address,
        town_code,
        issued_date,
        valid_to as valid_to_date,
        status as licence_status,
        _batch_id,
        _loaded_at
    from source
)

select * from final
