with

reported as (
    select *
    from {{ ref('stg_wjj__appointments') }}
    where {{ only_affected_days('booked_date') }}
),

final as (
    select
        {{ natural_key(['appointment_ref']) }} as appointment_id,
        channel,
        facility_code,
        clinic_code,
        resident,
        sex,
        birth_band,
        town_code,
        booked_at,
        booked_date,
        scheduled_at,
        appointment_status,
        status_at,
        _batch_id,
        _loaded_at
    from reported
)

select * from final
