-- Written from the contract wjj.appointment by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('wjj', 'appointment') }}
),

final as (
    select
        appointment_no as appointment_ref,
        channel,
        facility_code,
        clinic_code,
        resident,
        sex,
        birth_band,
        town_code,
        booked_at,
        _event_date as booked_date,
        scheduled_at,
        status as appointment_status,
        status_at,
        _batch_id,
        _loaded_at
    from source
)

select * from final
