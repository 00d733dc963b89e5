-- Written from the contract wjj.hospital_a_record by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('wjj', 'hospital_a_record__medication_request') }}
),

final as (
    select
        request_ref,
        encounter_ref,
        patient_ref,
        status as request_status,
        drug_code,
        prescribed_at,
        _event_date as prescribed_date,
        quantity,
        unit,
        _batch_id,
        _loaded_at
    from source
)

select * from final
