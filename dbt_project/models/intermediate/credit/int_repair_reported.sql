with

repairs as (
    select *
    from {{ ref('stg_fgj__credit_repairs') }}
    where {{ only_affected_days('reported_date') }}
),

final as (
    select
        {{ natural_key(['repair_id', '_batch_id']) }} as repair_report_id,
        repair_id as repair_no,
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
        reported_date,
        _batch_id,
        _loaded_at
    from repairs
)

select * from final
