with

documents as (
    select *
    from {{ ref('stg_fgj__admin_permits') }}
    where {{ only_affected_days('reported_date') }}
),

workbooks as (
    select *
    from {{ ref('stg_fgj__admin_permit_workbooks') }}
    where {{ only_affected_days('reported_date') }}
),

reports as (
    select
        doc_no,
        party_name,
        party_kind,
        uscc,
        registration_no,
        organisation_code,
        tax_no,
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
        reported_date,
        _batch_id,
        _loaded_at,
        'fgj.admin_permit' as source_feed
    from documents
    union all
    select
        doc_no,
        party_name,
        party_kind,
        uscc,
        registration_no,
        organisation_code,
        tax_no,
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
        reported_date,
        _batch_id,
        _loaded_at,
        'fgj.admin_permit_workbook' as source_feed
    from workbooks
),

final as (
    select
        {{ natural_key(['source_feed', 'doc_no', '_batch_id']) }} as permit_report_id,
        {{ natural_key(['doc_no']) }} as permit_id,
        {{ party_key() }} as party_key,
        source_feed,
        doc_no,
        party_name,
        party_kind,
        uscc,
        registration_no,
        organisation_code,
        tax_no,
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
        reported_date,
        _batch_id,
        _loaded_at
    from reports
)

select * from final
