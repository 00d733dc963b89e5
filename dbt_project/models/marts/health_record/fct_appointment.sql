with

reports as (
    select * from {{ ref('int_appointment_reported') }}
),

clinics as (
    select * from {{ ref('dim_clinic') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by appointment_id
            order by status_at desc, _batch_id desc
        ) as recency,
        count(*) over (partition by appointment_id) as reports
    from reports
),

dated as (
    select
        *,
        cast({{ local_timestamp('scheduled_at') }} as date) as scheduled_date
    from ranked
    where recency = 1
),

final as (
    select
        dated.appointment_id,
        case
            when dated.resident is not null
                then {{ natural_key(['dated.resident']) }}
        end as health_resident_id,
        {{ natural_key(['dated.facility_code']) }} as health_facility_id,
        dated.facility_code,
        clinics.clinic_id,
        dated.clinic_code,
        dated.channel,
        case dated.sex
            when '男' then 'male'
            when '女' then 'female'
            else 'unknown'
        end as sex,
        dated.birth_band,
        dated.town_code,
        dated.booked_at,
        dated.booked_date,
        dated.scheduled_at,
        dated.scheduled_date,
        dated.scheduled_date - dated.booked_date as lead_days,
        case dated.appointment_status
            when '已预约' then 'booked'
            when '已就诊' then 'attended'
            when '已取消' then 'cancelled'
            when '爽约' then 'no_show'
        end as appointment_status,
        dated.status_at,
        dated.reports,
        dated._batch_id,
        dated._loaded_at
    from dated
    left join clinics on dated.clinic_code = clinics.clinic_code
)

select * from final
