{# A moment as the city's wall clock (a timestamp without zone). #}
{% macro local_timestamp(column) -%}
    {{ return(adapter.dispatch('local_timestamp')(column)) }}
{%- endmacro %}

{% macro default__local_timestamp(column) -%}
    timezone('Asia/Shanghai', {{ column }})
{%- endmacro %}

{% macro spark__local_timestamp(column) -%}
    from_utc_timestamp({{ column }}, 'Asia/Shanghai')
{%- endmacro %}
