-- Written from the contract gsj.market_entity by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('gsj', 'market_entity') }}
),

final as (
    select
        entity_no,
        uscc,
        registration_no,
        organisation_code,
        tax_no,
        entity_name,
        former_name,
        entity_kind,
        industry_code,
        town_code,
        registered_date,
        approved_date,
        status,
        status_date,
        successor_uscc,
        legal_rep as legal_rep_pseudonym,
        legal_rep_id as legal_rep_id_pseudonym,
        capital_wan,
        updated_at,
        _event_date as updated_date,
        _batch_id,
        _loaded_at
    from source
)

select * from final
