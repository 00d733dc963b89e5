with

states as (
    select *
    from {{ ref('stg_gsj__market_entities') }}
    where {{ only_affected_days('updated_date') }}
),

final as (
    select
        entity_no,
        uscc,
        registration_no,
        {{ identifier_text('organisation_code') }} as organisation_code,
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
        capital_wan,
        updated_at,
        updated_date,
        _batch_id,
        _loaded_at
    from states
)

select * from final
