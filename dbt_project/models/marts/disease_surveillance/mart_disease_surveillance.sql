-- EARS C2 (Hutwagner, Thompson, Seeman, Treadwell 2003, J Urban Health 80, suppl. 1:
-- i89-i96; CDC Early Aberration Reporting System): the baseline of a day is the seven
-- days that end three days before it (a guard of two days), and the day is flagged
-- above mean + 3 standard deviations. Where nearly all days are zero one case would
-- flag: a smallest deviation (0.2) and a smallest count (3) stand against that, decided
-- by this lake.
with

cases as (
    select *
    from {{ ref('fct_notifiable_case') }}
    where not is_withdrawn
),

weeks as (
    select * from {{ ref('fct_notifiable_weekly') }}
),

dates as (
    select * from {{ ref('dim_date') }}
),

day_counts as (
    select
        disease_code,
        counted_town_code as town_code,
        diagnosed_date,
        count(*) as cases
    from cases
    group by disease_code, counted_town_code, diagnosed_date
),

days as (
    select
        weeks.notifiable_week_id,
        weeks.disease_code,
        weeks.town_code,
        weeks.week_start_date,
        dates.calendar_date,
        coalesce(day_counts.cases, 0) as cases
    from weeks
    inner join dates
        on
            weeks.week_start_date <= dates.calendar_date
            and {{ add_days('weeks.week_start_date', '6') }}
            >= dates.calendar_date
    left join day_counts
        on
            weeks.disease_code = day_counts.disease_code
            and weeks.town_code = day_counts.town_code
            and dates.calendar_date = day_counts.diagnosed_date
    where dates.calendar_date <= {{ as_of() }}
),

baselines as (
    select
        *,
        count(*) over baseline as baseline_days,
        avg(cases) over baseline as baseline_mean,
        stddev_samp(cases) over baseline as baseline_deviation
    from days
    window baseline as (
        partition by disease_code, town_code
        order by calendar_date
        rows between 9 preceding
        and 3 preceding
    )
),

thresholds as (
    select
        *,
        case
            when baseline_days = 7
                then
                    baseline_mean
                    + 3
                    * greatest(baseline_deviation, 0.2)
        end as threshold
    from baselines
),

flagged as (
    select
        *,
        coalesce(cases >= 3 and cases > threshold, false)
            as is_flagged
    from thresholds
),

rolled as (
    select
        notifiable_week_id,
        count(threshold) as assessed_days,
        max(cases) as highest_day_cases,
        max(threshold) as highest_threshold,
        cast(sum(case when is_flagged then 1 else 0 end) as bigint) as flagged_days,
        min(case when is_flagged then calendar_date end) as first_flagged_date
    from flagged
    group by notifiable_week_id
),

final as (
    select
        weeks.notifiable_week_id as disease_surveillance_id,
        weeks.disease_code,
        weeks.town_code,
        weeks.place_id,
        weeks.week_start_date,
        weeks.cases,
        rolled.assessed_days,
        rolled.highest_day_cases,
        cast(rolled.highest_threshold as decimal(12, 3)) as highest_threshold,
        rolled.flagged_days,
        rolled.flagged_days > 0 as is_flagged,
        rolled.first_flagged_date
    from weeks
    inner join rolled on weeks.notifiable_week_id = rolled.notifiable_week_id
)

select * from final
