with

inspections as (
    select * from {{ ref('stg_syj__food_inspections') }}
),

final as (
    select
        {{ natural_key(['inspection_no']) }} as food_inspection_id,
        {{ natural_key(['licence_no']) }} as food_business_id,
        inspection_no,
        licence_no,
        inspected_at,
        inspected_date,
        inspection_kind,
        score,
        grade,
        is_passed,
        failed_items,
        _batch_id,
        _loaded_at
    from inspections
)

select * from final
