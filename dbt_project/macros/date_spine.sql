{# One row a day, both ends included, column `calendar_date`. #}
{% macro date_spine(first, last) -%}
    {{ return(adapter.dispatch('date_spine')(first, last)) }}
{%- endmacro %}

{% macro default__date_spine(first, last) -%}
    select
        cast(
            unnest(generate_series(date '{{ first }}', date '{{ last }}', interval '1 day')) as date
        ) as calendar_date
{%- endmacro %}

{% macro spark__date_spine(first, last) -%}
    select explode(sequence(date '{{ first }}', date '{{ last }}', interval '1' day)) as calendar_date
{%- endmacro %}
