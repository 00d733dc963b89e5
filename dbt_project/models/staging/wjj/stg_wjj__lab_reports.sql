-- Written from the contract wjj.lab_report by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('wjj', 'lab_report') }}
),

final as (
    select
        report_no as report_ref,
        laboratory_code,
        resident,
        identifier_type,
        sex,
        birth_band,
        town_code,
        item_code,
        examined_at,
        _event_date as examined_date,
        issued_at,
        status as report_status,
        ordering_facility_code,
        is_recognised as recognition_code,
        _batch_id,
        _loaded_at
    from source
)

select * from final
