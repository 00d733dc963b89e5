-- Written from the contract wjj.hospital_a_record by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('wjj', 'hospital_a_record__condition') }}
),

final as (
    select
        condition_ref,
        encounter_ref,
        patient_ref,
        icd10_code,
        onset_at,
        recorded_at,
        _event_date as recorded_date,
        _batch_id,
        _loaded_at
    from source
)

select * from final
