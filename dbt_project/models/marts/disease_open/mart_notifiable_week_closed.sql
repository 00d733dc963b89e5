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

-- Days of reports without a week between them in which none came.
span_starts as (
    select reported_date as first_date
    from neighbour_days
    where
        earlier_date is null
        or reported_date > {{ add_days('earlier_date', 7) }}
),

spans as (
    select
        first_date,
        lead(first_date) over (order by first_date) as next_date
    from span_starts
),

ended_spans as (
    select
        spans.first_date,
        spans.next_date,
        max(report_days.reported_date) as last_date
    from spans
    inner join report_days
        on
            spans.first_date <= report_days.reported_date
            and (
                spans.next_date is null
                or spans.next_date > report_days.reported_date
            )
    group by spans.first_date, spans.next_date
),

-- Reports came from its Monday to its Sunday: of others not all cases are known, and
-- one report of long before does not make all weeks since then known.
whole_weeks as (
    select distinct weeks.week_start_date
    from weeks
    inner join ended_spans
        on
            weeks.week_start_date >= ended_spans.first_date
            and (
                ended_spans.next_date is null
                or {{ add_days('weeks.week_start_date', 6) }}
                <= ended_spans.last_date
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
        whole_weeks.week_start_date is not null
        and withheld.disease_code is null as is_whole
    from weeks
    inner join rules
        on
            weeks.week_start_date >= rules.valid_from
            and (
                rules.valid_to is null or weeks.week_start_date < rules.valid_to
            )
    left join whole_weeks
        on weeks.week_start_date = whole_weeks.week_start_date
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
