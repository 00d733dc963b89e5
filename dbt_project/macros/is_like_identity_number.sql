{#
    Whether a code could be a citizen's identity number (GB 11643), whatever its check digit: 17 digits and a year of birth in
    places 7 and 8. Some sole traders are registered under their owner's; in doubt a code is one. False for null.
#}
{% macro is_like_identity_number(column) -%}
    coalesce(
        length({{ column }}) = 18
        and translate(substr({{ column }}, 1, 17), '0123456789', '') = ''
        and substr({{ column }}, 7, 2) in ('18', '19', '20'),
        false
    )
{%- endmacro %}
