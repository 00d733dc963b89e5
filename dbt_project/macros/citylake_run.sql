{#
    The row of `_citylake.run`: {as_of, full_refresh}. Per-run facts come from a table and
    not from --vars, because changed vars make dbt parse the whole project again.
    `full_refresh` also holds for a model or test in `_citylake.whole_node`, and for the tests of such a model.
    Without that table (lint, docs on an empty database) everything is rebuilt as of 2016-01-01.
    Models and tests ask for the date with as_of() alone, so that a build knows which of them follow it.
#}
{% macro citylake_run() -%}
    {%- set nothing = {'as_of': '2016-01-01', 'full_refresh': true} -%}
    {%- if not execute -%}
        {{ return(nothing) }}
    {%- endif -%}
    {%- set known = run_query(
        "select 1 from information_schema.tables where table_schema = '_citylake' and table_name = 'whole_node'"
    ) -%}
    {%- if known.rows | length == 0 -%}
        {{ return(nothing) }}
    {%- endif -%}
    {%- set node = model if model is defined and model is not none else {} -%}
    {%- set query -%}
        select
            cast(as_of as varchar),
            full_refresh or exists (
                select 1
                from _citylake.whole_node
                where unique_id in ('{{ node.unique_id }}', '{{ node.attached_node }}')
            )
        from _citylake.run
    {%- endset -%}
    {%- set row = run_query(query).rows[0] -%}
    {{ return({'as_of': row[0], 'full_refresh': row[1]}) }}
{%- endmacro %}
