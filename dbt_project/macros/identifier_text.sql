{# A number of an organisation as it is compared: capitals, without the hyphens and blanks that some departments write. #}
{% macro identifier_text(column) -%}
    nullif(upper(replace(replace({{ column }}, '-', ''), ' ', '')), '')
{%- endmacro %}
