-- Written from the contract fgj.credit_repair by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('fgj', 'credit_repair') }}
),

final as (
    select
        repair_id,
        penalty_doc_no,
        uscc,
        party_name,
        party_kind,
        applied_date,
        decided_date,
        result,
        authority,
        authority_code,
        reported_at,
        _event_date as reported_date,
        _batch_id,
        _loaded_at
    from source
)

select * from final
