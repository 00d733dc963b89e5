-- Written from the contract wjj.hospital_a_record by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('wjj', 'hospital_a_record__encounter') }}
),

final as (
    select
        encounter_ref,
        status as encounter_status,
        class_code,
        patient_ref,
        started_at,
        _event_date as started_date,
        ended_at,
        clinic_code,
        organization_ref,
        updated_at,
        _batch_id,
        _loaded_at
    from source
)

select * from final
