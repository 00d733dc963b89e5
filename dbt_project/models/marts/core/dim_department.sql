with

departments as (
    select * from {{ ref('ref_department') }}
),

final as (
    select
        {{ natural_key(['department_code']) }} as department_id,
        department_code,
        name_zh,
        name_en,
        valid_from as valid_from_date,
        valid_to as valid_to_date,
        valid_to is null as is_current,
        successor_code as successor_department_code,
        source as reference_source
    from departments
)

select * from final
