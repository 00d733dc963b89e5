with

permits as (
    select * from {{ ref('fct_permit') }}
),

final as (
    select
        permit_id,
        doc_no,
        party_name,
        uscc,
        permit_kind,
        certificate_name,
        permit_no,
        decision_date,
        valid_from_date,
        valid_to_date,
        authority,
        authority_code,
        publicity_start_date,
        publicity_end_date
    from permits
    where
        is_publishable
        and {{ as_of() }} >= publicity_start_date
        and {{ as_of() }} < publicity_end_date
)

select * from final
