{# A durable id: the hash of a natural key. Equal on every engine and in every rebuild. #}
{% macro natural_key(columns) -%}
    md5(concat_ws('|'{% for column in columns %}, cast({{ column }} as string){% endfor %}))
{%- endmacro %}
