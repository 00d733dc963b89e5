-- Written from the contract wjj.e_prescription by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('wjj', 'e_prescription') }}
),

final as (
    select
        rx_no as prescription_ref,
        line_no,
        facility_code,
        visit_no as visit_ref,
        resident,
        sex,
        birth_band,
        town_code,
        prescribed_at,
        _event_date as prescribed_date,
        drug_code,
        quantity,
        unit,
        days as supply_days,
        status as prescription_status,
        dispensed_at,
        _batch_id,
        _loaded_at
    from source
)

select * from final
