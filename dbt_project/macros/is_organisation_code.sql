{# Written from the checks of identifiers by `make generate`; edit ingestion/values/check_digit_sql.py, not this file.
    Whether a column of text holds a valid code: 组织机构代码, GB 11714. NULL for NULL. #}
{% macro is_organisation_code(column) -%}
    {{ return(adapter.dispatch('is_organisation_code')(column)) }}
{%- endmacro %}

{% macro default__is_organisation_code(column) -%}
    case when {{ column }} is null then null
    when not ((length({{ column }}) = 9 or (length({{ column }}) = 10 and substr({{ column }}, 9, 1) = '-'))
    and translate(substr({{ column }}, 1, 8), '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', '') = ''
    and replace(replace({{ column }}, '-', ''), '0', '') <> '') then false
    else substr('0123456789X', 1 + (11 - (3 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 1, 1)) - 1)
    + 7 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 2, 1)) - 1)
    + 9 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 3, 1)) - 1)
    + 10 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 4, 1)) - 1)
    + 5 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 5, 1)) - 1)
    + 8 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 6, 1)) - 1)
    + 4 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 7, 1)) - 1)
    + 2 * (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr({{ column }}, 8, 1)) - 1)) % 11) % 11, 1) = substr({{ column }}, length({{ column }}), 1)
    end
{%- endmacro %}
