{# Written from the checks of identifiers by `make generate`; edit ingestion/values/check_digit_sql.py, not this file.
    Whether a column of text holds a valid code: 工商注册号, GS 15-2006. NULL for NULL. #}
{% macro is_registration_no(column) -%}
    {{ return(adapter.dispatch('is_registration_no')(column)) }}
{%- endmacro %}

{% macro default__is_registration_no(column) -%}
    case when {{ column }} is null then null
    when not (length({{ column }}) = 15
    and translate({{ column }}, '0123456789', '') = ''
    and replace({{ column }}, '0', '') <> '') then false
    else (((((((((((((((((((((((((((((10 + (instr('0123456789', substr({{ column }}, 1, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 2, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 3, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 4, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 5, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 6, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 7, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 8, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 9, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 10, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 11, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 12, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 13, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 14, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 15, 1)) - 1)) % 10 = 1
    end
{%- endmacro %}
