with

reported as (
    select *
    from {{ ref('stg_wjj__hospital_a_patients') }}
    where {{ only_affected_days('updated_date') }}
),

final as (
    select
        patient_ref,
        resident_ref,
        resident,
        sex,
        birth_band,
        town_code,
        updated_at,
        updated_date,
        _batch_id,
        _loaded_at
    from reported
)

select * from final
