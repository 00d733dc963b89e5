{# In a select list: one row a part of a text between separators. A null text gives no row. #}
{% macro split_rows(text, separator) -%}
    {{ return(adapter.dispatch('split_rows')(text, separator)) }}
{%- endmacro %}

{% macro default__split_rows(text, separator) -%}
    unnest(string_split({{ text }}, '{{ separator }}'))
{%- endmacro %}

{% macro spark__split_rows(text, separator) -%}
    explode(split({{ text }}, '{{ separator }}'))
{%- endmacro %}
