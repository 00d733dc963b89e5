{# Inside an incremental model: keep the rows of days this run rebuilds. #}
{% macro only_affected_days(column) -%}
    {%- if is_incremental() -%}
        {{ on_days(column, affected_days(config.get('meta')['citylake'])) }}
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}
