-- Written from the contract fgj.admin_permit_workbook by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('fgj', 'admin_permit_workbook') }}
),

final as (
    select
        doc_no,
        party_name,
        party_kind,
        uscc,
        registration_no,
        organisation_code,
        tax_no,
        legal_rep as legal_rep_pseudonym,
        legal_rep_id as legal_rep_id_pseudonym,
        party_id_no as party_id_no_pseudonym,
        document_name,
        permit_kind,
        certificate_name,
        permit_no,
        decision_date,
        valid_from,
        valid_to,
        authority,
        authority_code,
        status,
        source_unit,
        source_unit_code,
        reported_at,
        _event_date as reported_date,
        _batch_id,
        _loaded_at
    from source
)

select * from final
