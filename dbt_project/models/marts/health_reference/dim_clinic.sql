with

clinics as (
    select * from {{ ref('ref_clinic') }}
),

final as (
    select
        {{ natural_key(['clinic_code']) }} as clinic_id,
        clinic_code,
        hospital_b_code,
        name_zh,
        name_en,
        valid_from as valid_from_date,
        valid_to as valid_to_date,
        source as reference_source
    from clinics
)

select * from final
