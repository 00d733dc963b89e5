{# A name without what stands in brackets, Chinese or Latin: `某某店（模拟）` is `某某店`. #}
{% macro without_brackets(name) -%}
    {{ return(adapter.dispatch('without_brackets')(name)) }}
{%- endmacro %}

{% macro default__without_brackets(name) -%}
    trim(regexp_replace({{ name }}, '[（(][^（()）]*[)）]', '', 'g'))
{%- endmacro %}

{% macro spark__without_brackets(name) -%}
    trim(regexp_replace({{ name }}, '[（(][^（()）]*[)）]', ''))
{%- endmacro %}
