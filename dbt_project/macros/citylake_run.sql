{#
    The row of `_citylake.run`: {as_of, full_refresh}. Per-run facts come from a table and
    not from --vars, because changed vars make dbt parse the whole project again.
    Without that table (lint, docs on an empty database) everything is rebuilt as of 2016-01-01.
#}
{% macro citylake_run() -%}
    {%- set nothing = {'as_of': '2016-01-01', 'full_refresh': true} -%}
    {%- if not execute -%}
        {{ return(nothing) }}
    {%- endif -%}
    {%- set known = run_query(
        "select 1 from information_schema.tables where table_schema = '_citylake' and table_name = 'run'"
    ) -%}
    {%- if known.rows | length == 0 -%}
        {{ return(nothing) }}
    {%- endif -%}
    {%- set row = run_query('select cast(as_of as varchar), full_refresh from _citylake.run').rows[0] -%}
    {{ return({'as_of': row[0], 'full_refresh': row[1]}) }}
{%- endmacro %}
