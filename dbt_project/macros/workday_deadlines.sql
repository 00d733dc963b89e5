{#
    The last day that is within `workdays` workdays after each day: a relation {calendar_date, deadline_date}, made from a
    CTE that imports `dim_date`. A date outside the calendar has none.

        dates as (select * from {{ ref('dim_date') }}),
        deadlines as ({{ workday_deadlines('dates', 7) }}),
        ... left join deadlines on decisions.decision_date = deadlines.calendar_date
        ... decisions.reported_date > deadlines.deadline_date as is_late

    Counting (the usual reading of periods in workdays, 行政处罚法 2021 art. 85 [M]): the day itself is not counted, the
    first workday after it is day 1, and the deadline is day N, itself a workday. After a day that is not worked, day 1 is
    the next workday. Workdays are those of `dim_date`: 调休 days are worked, holidays are not.

    How many workdays lie between two days needs no macro: later.workday_no - earlier.workday_no counts those after the
    earlier day up to and with the later. Compare dates to judge a deadline: on the Saturday after day 7 that
    difference is still 7.
#}
{% macro workday_deadlines(dates, workdays) -%}
    select
        decided.calendar_date,
        reached.calendar_date as deadline_date
    from {{ dates }} as decided
    left join {{ dates }} as reached
        on
            decided.workday_no + {{ workdays }} = reached.workday_no
            and reached.is_workday
{%- endmacro %}
