{#
    Reconciliation: rows of the model = rows that the receipts of the effective files accepted,
    less rows that another delivery's row replaces (delta, events). With a `day_column` by
    event day, over the affected days, and also for days without a receipt; else in total.
    `measure` where a row of the model stands for several of the feed (the sum of its reports).
#}
{% test row_count_equals_receipts(model, feed, table_name, day_column=none, measure='count(*)') %}

{% if day_column %}
{%- set tested = graph.nodes.get(context["model"].attached_node) if execute else none -%}
{%- set incremental = tested and tested.config.materialized == 'incremental' -%}
{%- set days = affected_days({'feeds': [feed]}) if incremental else none -%}
with expected as (
    select
        day,
        sum(row_count) as row_count
    from (
        select
            day,
            rows as row_count
        from _citylake.effective_day
        where feed = '{{ feed }}' and table_name = '{{ table_name }}' and {{ on_days('day', days) }}
        union all
        select
            day,
            -rows as row_count
        from _citylake.repeat_day
        where feed = '{{ feed }}' and table_name = '{{ table_name }}' and {{ on_days('day', days) }}
    ) as accepted
    group by day
),

actual as (
    select
        {{ day_column }} as day,
        {{ measure }} as row_count
    from {{ model }}
    where {{ on_days(day_column, days) }}
    group by {{ day_column }}
)

select
    coalesce(expected.day, actual.day) as day,
    coalesce(expected.row_count, 0) as expected_rows,
    coalesce(actual.row_count, 0) as actual_rows
from expected
full outer join actual on expected.day = actual.day
where coalesce(expected.row_count, 0) <> coalesce(actual.row_count, 0)

{% else %}
with expected as (
    select coalesce(sum(rows), 0) as row_count
    from _citylake.effective_file
    where feed = '{{ feed }}' and table_name = '{{ table_name }}'
),

actual as (
    select {{ measure }} as row_count
    from {{ model }}
)

select
    expected.row_count as expected_rows,
    actual.row_count as actual_rows
from expected
cross join actual
where expected.row_count <> actual.row_count
{% endif %}

{% endtest %}
