with

conditions as (
    select *
    from {{ ref('stg_wjj__hospital_a_conditions') }}
    where {{ only_affected_days('recorded_date') }}
),

final as (
    select
        condition_ref,
        encounter_ref as visit_ref,
        icd10_code,
        onset_at,
        recorded_at,
        recorded_date,
        _batch_id,
        _loaded_at
    from conditions
)

select * from final
