{# Seconds of a service day as `HH:MM`; hours pass 24 for trips after midnight. #}
{% macro service_time(seconds) -%}
    concat(
        lpad(cast(cast(floor({{ seconds }} / 3600) as int) as string), 2, '0'),
        ':',
        lpad(cast(cast(floor({{ seconds }} / 60) as int) % 60 as string), 2, '0')
    )
{%- endmacro %}
