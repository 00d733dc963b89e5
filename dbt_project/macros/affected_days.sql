{#
    The days a model rebuilds in this run, ISO text, sorted; none when everything is rebuilt.
    `settings` is the model's `meta.citylake`: `feeds` it grows with, and `spread`, the days
    after an event day that the event also changes (a meteorological day ends at 20:00).
    Days are inlined as literals so that DuckDB prunes row groups by them.
#}
{% macro affected_days(settings) -%}
    {%- if citylake_run()['full_refresh'] -%}
        {{ return(none) }}
    {%- endif -%}
    {%- set feeds = "'" ~ settings['feeds'] | join("', '") ~ "'" -%}
    {%- set query -%}
        select distinct cast(affected_day.day + spread.days as varchar) as day
        from _citylake.affected_day
        cross join (select unnest([{{ settings.get('spread', [0]) | join(', ') }}]) as days) as spread
        where affected_day.feed in ({{ feeds }})
        order by day
    {%- endset -%}
    {{ return(run_query(query).columns[0].values() | list) }}
{%- endmacro %}
