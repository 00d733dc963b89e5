with

days as (
    {{ date_spine('2007-01-01', '2030-12-31') }}
),

holidays as (
    select * from {{ ref('ref_public_holiday') }}
),

published_years as (
    select distinct notice_year
    from holidays
),

numbered as (
    select
        calendar_date,
        cast(extract(year from calendar_date) as int) as calendar_year,
        cast(extract(month from calendar_date) as int) as calendar_month,
        cast(extract(day from calendar_date) as int) as day_of_month,
        cast(extract(week from calendar_date) as int) as iso_week,
        cast({{ iso_weekday('calendar_date') }} as int) as iso_weekday
    from days
),

-- A notice says which days differ from the rule that Monday to Friday are worked.
judged as (
    select
        numbered.*,
        numbered.iso_weekday >= 6 as is_weekend,
        coalesce(holidays.is_workday, numbered.iso_weekday < 6) as is_workday,
        case when not holidays.is_workday then holidays.holiday_name end
            as holiday_name,
        published_years.notice_year is not null as is_calendar_published
    from numbered
    left join holidays on numbered.calendar_date = holidays.calendar_date
    left join published_years
        on numbered.calendar_year = published_years.notice_year
),

final as (
    select
        calendar_date,
        calendar_year,
        calendar_month,
        day_of_month,
        -- An ISO week belongs to the year of its Thursday (GB/T 7408, ISO 8601).
        case
            when calendar_month = 1 and iso_week >= 52 then calendar_year - 1
            when calendar_month = 12 and iso_week = 1 then calendar_year + 1
            else calendar_year
        end as iso_year,
        iso_week,
        iso_weekday,
        is_weekend,
        is_workday,
        holiday_name,
        is_workday and is_weekend as is_adjusted_workday,
        cast(
            sum(case when is_workday then 1 else 0 end) over (
                order by calendar_date
                rows between unbounded preceding and current row
            ) as int
        ) as workday_no,
        is_calendar_published
    from judged
)

select * from final
