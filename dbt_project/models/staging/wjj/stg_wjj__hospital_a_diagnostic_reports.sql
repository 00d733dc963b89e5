-- Written from the contract wjj.hospital_a_record by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('wjj', 'hospital_a_record__diagnostic_report') }}
),

final as (
    select
        report_ref,
        patient_ref,
        encounter_ref,
        status as report_status,
        item_code,
        examined_at,
        _event_date as examined_date,
        issued_at,
        organization_ref,
        is_recognised,
        _batch_id,
        _loaded_at
    from source
)

select * from final
