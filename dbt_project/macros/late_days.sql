{#
    How many days after a visit, an examination or a prescription the records count that it refers to: patient, facility,
    diagnosis. Models that join them declare `spread: [-3, -2, -1, 0]`, so that such a day is made again.
#}
{% macro late_days() -%}
    {{ return(3) }}
{%- endmacro %}
