{# The local day this run is judged for, as a date literal. #}
{% macro as_of() -%}
    date '{{ citylake_run()['as_of'] }}'
{%- endmacro %}
