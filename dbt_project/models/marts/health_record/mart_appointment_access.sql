with

appointments as (
    select * from {{ ref('fct_appointment') }}
),

counted as (
    select
        booked_date,
        channel,
        count(*) as appointments,
        cast(sum(lead_days) as bigint) as lead_days,
        count(case when appointment_status = 'booked' then 1 end)
            as open_appointments,
        count(case when appointment_status = 'attended' then 1 end) as attended,
        count(case when appointment_status = 'cancelled' then 1 end) as cancelled,
        count(case when appointment_status = 'no_show' then 1 end) as no_shows
    from appointments
    group by booked_date, channel
),

totals as (
    select
        *,
        sum(appointments) over (partition by booked_date) as day_appointments
    from counted
),

final as (
    select
        {{ natural_key(['booked_date', 'channel']) }} as appointment_day_id,
        booked_date,
        channel,
        appointments,
        cast(day_appointments as bigint) as day_appointments,
        cast(appointments * 1.0 / day_appointments as decimal(9, 6))
            as channel_share,
        lead_days,
        cast(lead_days * 1.0 / appointments as decimal(9, 2)) as mean_lead_days,
        open_appointments,
        attended,
        cancelled,
        no_shows,
        case
            when attended + no_shows > 0
                then cast(no_shows * 1.0 / (attended + no_shows) as decimal(9, 6))
        end as no_show_rate
    from totals
)

select * from final
