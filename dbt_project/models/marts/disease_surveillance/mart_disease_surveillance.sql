-- Two methods over the days of each town. `is_flagged` is the one with fewer false
-- flags at the same first day: the count is improbable (below 1 in 1,000) beside the
-- 28 days that end three days before it, from seven such days on, under the negative
-- binomial of `count_exceedance`. Beside it EARS C2 (Hutwagner, Thompson, Seeman,
-- Treadwell 2003, J Urban Health 80, suppl. 1: i89-i96; CDC): above mean + 3 standard
-- deviations of the seven days that end three days before; a smallest deviation (0.2)
-- stands against baselines of zeros. Both need three cases on the day; these smallest
-- numbers are decided by this lake.
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

-- Of days before the first report nothing is known: they are in no baseline.
span as (
    select
        cast(
            {{ local_timestamp('min(coalesce(first_reported_at, reported_at))') }}
            as date
        ) as first_date
    from cases
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
        coalesce(day_counts.cases, 0) as cases,
        case when dates.calendar_date >= span.first_date then 1 else 0 end
            as is_observed
    from weeks
    cross join span
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
        sum(is_observed) over month_before as baseline_days,
        sum(cases * is_observed) over month_before as baseline_cases,
        sum(is_observed) over week_before as c2_days,
        avg(cases) over week_before as c2_mean,
        stddev_samp(cases) over week_before as c2_deviation
    from days
    window
        month_before as (
            partition by disease_code, town_code
            order by calendar_date
            rows between 30 preceding and 3 preceding
        ),
        week_before as (
            partition by disease_code, town_code
            order by calendar_date
            rows between 9 preceding and 3 preceding
        )
),

judged as (
    select
        *,
        case
            when baseline_days >= 7 and cases >= 3
                then {{ count_exceedance('cases', 'baseline_cases', 'baseline_days') }}
        end as probability,
        case
            when c2_days = 7
                then c2_mean + 3 * greatest(c2_deviation, 0.2)
        end as c2_threshold
    from baselines
),

flagged as (
    select
        *,
        coalesce(probability < 0.001, false) as is_flagged,
        coalesce(cases >= 3 and cases > c2_threshold, false) as is_c2_flagged
    from judged
),

rolled as (
    select
        notifiable_week_id,
        cast(sum(case when baseline_days >= 7 then 1 else 0 end) as bigint)
            as assessed_days,
        max(cases) as highest_day_cases,
        min(probability) as lowest_probability,
        cast(sum(case when is_flagged then 1 else 0 end) as bigint) as flagged_days,
        min(case when is_flagged then calendar_date end) as first_flagged_date,
        max(c2_threshold) as highest_c2_threshold,
        cast(sum(case when is_c2_flagged then 1 else 0 end) as bigint)
            as c2_flagged_days,
        min(case when is_c2_flagged then calendar_date end) as first_c2_flagged_date
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
        cast(rolled.lowest_probability as decimal(12, 9)) as lowest_probability,
        rolled.flagged_days,
        rolled.flagged_days > 0 as is_flagged,
        rolled.first_flagged_date,
        cast(rolled.highest_c2_threshold as decimal(12, 3)) as highest_c2_threshold,
        rolled.c2_flagged_days,
        rolled.c2_flagged_days > 0 as is_c2_flagged,
        rolled.first_c2_flagged_date
    from weeks
    inner join rolled on weeks.notifiable_week_id = rolled.notifiable_week_id
)

select * from final
