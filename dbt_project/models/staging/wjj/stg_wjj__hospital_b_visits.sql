-- Written from the contract wjj.hospital_b_visit by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('wjj', 'hospital_b_visit') }}
),

final as (
    select
        facility_code,
        visit_no as visit_ref,
        resident,
        sex as sex_code,
        birth_band,
        town_code,
        visit_class,
        clinic_code,
        visited_at,
        _event_date as visited_date,
        onset_at,
        icd10_code,
        other_icd10_codes,
        outcome,
        _batch_id,
        _loaded_at
    from source
)

select * from final
