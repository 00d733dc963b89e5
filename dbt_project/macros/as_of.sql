{#
    The local day this run is judged for, as a date literal: the only clock of models and tests. The comment marks the
    literal in compiled SQL, so that a check can be judged for another day without dbt.
#}
{% macro as_of() -%}
    date '{{ citylake_run()['as_of'] }}' /* as_of */
{%- endmacro %}
