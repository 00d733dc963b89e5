{# Written from the checks of identifiers by `make generate`; edit ingestion/values/check_digit_sql.py, not this file.
    Whether a column of text holds a valid code: 统一社会信用代码, GB 32100-2015. NULL for NULL. #}
{% macro is_uscc(column) -%}
    {{ return(adapter.dispatch('is_uscc')(column)) }}
{%- endmacro %}

{% macro default__is_uscc(column) -%}
    case when {{ column }} is null then null
    when not (length({{ column }}) = 18
    and translate(concat(substr({{ column }}, 1, 2), substr({{ column }}, 9, 10)), '0123456789ABCDEFGHJKLMNPQRTUWXY', '') = ''
    and translate(substr({{ column }}, 3, 6), '0123456789', '') = ''
    and replace(substr({{ column }}, 9, 9), '0', '') <> '') then false
    else substr('0123456789X', 1 + (11 - (3 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 9, 1)) - 1)
    + 7 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 10, 1)) - 1)
    + 9 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 11, 1)) - 1)
    + 10 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 12, 1)) - 1)
    + 5 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 13, 1)) - 1)
    + 8 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 14, 1)) - 1)
    + 4 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 15, 1)) - 1)
    + 2 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 16, 1)) - 1)) % 11) % 11, 1) = substr({{ column }}, 17, 1)
    and (31 - (1 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 1, 1)) - 1)
    + 3 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 2, 1)) - 1)
    + 9 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 3, 1)) - 1)
    + 27 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 4, 1)) - 1)
    + 19 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 5, 1)) - 1)
    + 26 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 6, 1)) - 1)
    + 16 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 7, 1)) - 1)
    + 17 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 8, 1)) - 1)
    + 20 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 9, 1)) - 1)
    + 29 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 10, 1)) - 1)
    + 25 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 11, 1)) - 1)
    + 13 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 12, 1)) - 1)
    + 8 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 13, 1)) - 1)
    + 24 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 14, 1)) - 1)
    + 10 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 15, 1)) - 1)
    + 30 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 16, 1)) - 1)
    + 28 * (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 17, 1)) - 1)) % 31) % 31 = (instr('0123456789ABCDEFGHJKLMNPQRTUWXY', substr({{ column }}, 18, 1)) - 1)
    end
{%- endmacro %}
