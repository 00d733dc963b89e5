with

days as (
    {{ date_spine('2016-01-01', '2030-12-31') }}
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
        iso_weekday >= 6 as is_weekend
    from numbered
)

select * from final
