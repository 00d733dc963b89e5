-- Written from the contract wjj.hospital_a_record by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('wjj', 'hospital_a_record__patient') }}
),

final as (
    select
        patient_ref,
        resident,
        resident_ref,
        sex,
        birth_band,
        town_code,
        updated_at,
        _event_date as updated_date,
        _batch_id,
        _loaded_at
    from source
)

select * from final
