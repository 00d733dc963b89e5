{# Written from the checks of identifiers by `make generate`; edit ingestion/values/check_digit_sql.py, not this file.
    Whether a column of text holds a valid code: 公民身份号码, GB 11643-1999. NULL for NULL. #}
{% macro is_citizen_id(column) -%}
    {{ return(adapter.dispatch('is_citizen_id')(column)) }}
{%- endmacro %}

{% macro default__is_citizen_id(column) -%}
    case when {{ column }} is null then null
    when not (length({{ column }}) = 18
    and translate(substr({{ column }}, 1, 17), '0123456789', '') = ''
    and substr({{ column }}, 1, 1) <> '0'
    and substr({{ column }}, 7, 4) >= '1850'
    and try_cast(concat(substr({{ column }}, 7, 4), '-', substr({{ column }}, 11, 2), '-', substr({{ column }}, 13, 2)) as date) is not null) then false
    else substr('10X98765432', 1 + (7 * (instr('0123456789', substr({{ column }}, 1, 1)) - 1)
    + 9 * (instr('0123456789', substr({{ column }}, 2, 1)) - 1)
    + 10 * (instr('0123456789', substr({{ column }}, 3, 1)) - 1)
    + 5 * (instr('0123456789', substr({{ column }}, 4, 1)) - 1)
    + 8 * (instr('0123456789', substr({{ column }}, 5, 1)) - 1)
    + 4 * (instr('0123456789', substr({{ column }}, 6, 1)) - 1)
    + 2 * (instr('0123456789', substr({{ column }}, 7, 1)) - 1)
    + 1 * (instr('0123456789', substr({{ column }}, 8, 1)) - 1)
    + 6 * (instr('0123456789', substr({{ column }}, 9, 1)) - 1)
    + 3 * (instr('0123456789', substr({{ column }}, 10, 1)) - 1)
    + 7 * (instr('0123456789', substr({{ column }}, 11, 1)) - 1)
    + 9 * (instr('0123456789', substr({{ column }}, 12, 1)) - 1)
    + 10 * (instr('0123456789', substr({{ column }}, 13, 1)) - 1)
    + 5 * (instr('0123456789', substr({{ column }}, 14, 1)) - 1)
    + 8 * (instr('0123456789', substr({{ column }}, 15, 1)) - 1)
    + 4 * (instr('0123456789', substr({{ column }}, 16, 1)) - 1)
    + 2 * (instr('0123456789', substr({{ column }}, 17, 1)) - 1)) % 11, 1) = substr({{ column }}, 18, 1)
    end
{%- endmacro %}
