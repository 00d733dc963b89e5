with

reports as (
    select * from {{ ref('int_notifiable_card_reported') }}
),

weeks as (
    select * from {{ ref('fct_notifiable_weekly') }}
),

places as (
    select * from {{ ref('dim_place') }}
),

rules as (
    select * from {{ ref('ref_surveillance_closing') }}
),

withheld as (
    select * from {{ ref('ref_withheld_week') }}
),

report_days as (
    select distinct reported_date
    from reports
),

neighbour_days as (
    select
        reported_date,
        lag(reported_date) over (order by reported_date) as earlier_date
    from report_days
),

numbered_days as (
    select
        reported_date,
        sum(
            case
                when reported_date <= {{ add_days('earlier_date', 7) }} then 0
                else 1
            end
        ) over (order by reported_date) as span_no
    from neighbour_days
),

-- Days of reports without a week between them in which none came.
spans as (
    select
        span_no,
        min(reported_date) as first_date,
        max(reported_date) as last_date,
        lead(span_no) over (order by span_no) as next_span_no
    from numbered_days
    group by span_no
),

-- Reports came from its Monday to its Sunday: of others not all cases are known, and
-- one report of long before does not make all weeks since then known.
whole_weeks as (
    select distinct weeks.week_start_date
    from weeks
    where exists (
        select 1
        from spans
        where
            weeks.week_start_date >= spans.first_date
            and (
                spans.next_span_no is null
                or {{ add_days('weeks.week_start_date', 6) }} <= spans.last_date
            )
    )
),

-- No report made from `closing_date` on counts. A week that is not whole is not shown.
dated as (
    select
        weeks.disease_code,
        weeks.town_code,
        weeks.place_id,
        weeks.week_start_date,
        {{ add_days('weeks.week_start_date', 'rules.close_after_days + 7') }}
            as closing_date,
        {{ add_days(
            'weeks.week_start_date',
            'rules.close_after_days + rules.settle_days + 7'
        ) }} as shown_from_date,
        weeks.week_start_date in (
            select whole_weeks.week_start_date
            from whole_weeks
        )
        and withheld.disease_code is null as is_whole
    from weeks
    inner join rules
        on
            weeks.week_start_date >= rules.valid_from
            and (
                rules.valid_to is null or weeks.week_start_date < rules.valid_to
            )
    left join withheld
        on
            weeks.disease_code = withheld.disease_code
            and weeks.week_start_date = withheld.week_start_date
            and withheld.withheld_from <= {{ as_of() }}
),

closings as (
    select distinct
        week_start_date,
        closing_date
    from dated
),

report_weeks as (
    select
        *,
        cast(date_trunc('week', diagnosed_date) as date) as week_start_date
    from reports
),

card_weeks as (
    select distinct
        report_weeks.card_no,
        closings.week_start_date,
        closings.closing_date
    from report_weeks
    inner join closings
        on report_weeks.week_start_date = closings.week_start_date
),

-- Each card as its last revision had it when the week was closed.
as_known as (
    select
        card_weeks.week_start_date as closed_week_date,
        report_weeks.week_start_date,
        report_weeks.disease_code,
        report_weeks.town_code,
        report_weeks.diagnosed_date,
        report_weeks.is_withdrawn,
        row_number() over (
            partition by card_weeks.card_no, card_weeks.week_start_date
            order by
                report_weeks.revision desc,
                report_weeks.reported_at desc,
                report_weeks._batch_id desc
        ) as recency
    from card_weeks
    inner join report_weeks
        on
            card_weeks.card_no = report_weeks.card_no
            and card_weeks.closing_date > report_weeks.reported_date
),

counted as (
    select
        as_known.disease_code,
        coalesce(places.town_code, 'unknown') as town_code,
        as_known.closed_week_date as week_start_date,
        count(*) as cases
    from as_known
    left join places
        on
            as_known.town_code = places.town_code
            and as_known.diagnosed_date >= places.valid_from_date
            and (
                places.valid_to_date is null
                or as_known.diagnosed_date < places.valid_to_date
            )
    where
        as_known.recency = 1
        and not as_known.is_withdrawn
        and as_known.week_start_date = as_known.closed_week_date
    group by
        as_known.disease_code,
        coalesce(places.town_code, 'unknown'),
        as_known.closed_week_date
),

final as (
    select
        {{ natural_key([
            'dated.disease_code', 'dated.town_code', 'dated.week_start_date'
        ]) }} as notifiable_week_id,
        dated.disease_code,
        dated.town_code,
        dated.place_id,
        dated.week_start_date,
        dated.closing_date,
        dated.shown_from_date,
        dated.closing_date <= {{ as_of() }} as is_closed,
        dated.shown_from_date <= {{ as_of() }} and dated.is_whole as is_shown,
        coalesce(counted.cases, 0) as cases
    from dated
    left join counted
        on
            dated.disease_code = counted.disease_code
            and dated.town_code = counted.town_code
            and dated.week_start_date = counted.week_start_date
)

select * from final
