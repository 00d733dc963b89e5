-- Written from the contract syj.food_inspection by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('syj', 'food_inspection') }}
),

final as (
    select
        inspection_id as inspection_no,
        licence_no,
        inspected_at,
        _event_date as inspected_date,
        kind as inspection_kind,
        inspector_badge as inspector_pseudonym,
        score,
        grade,
        is_passed,
        failed_items,
        _batch_id,
        _loaded_at
    from source
)

select * from final
