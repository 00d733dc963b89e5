with

codes as (
    select * from {{ ref('ref_icd10') }}
),

final as (
    select
        {{ natural_key(['icd10_code', 'valid_from']) }} as icd10_version_id,
        icd10_code,
        name_zh,
        name_en,
        chapter,
        syndrome,
        valid_from as valid_from_date,
        valid_to as valid_to_date,
        source as reference_source
    from codes
)

select * from final
