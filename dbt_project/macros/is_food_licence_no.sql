{# Written from the checks of identifiers by `make generate`; edit ingestion/values/check_digit_sql.py, not this file.
    Whether a column of text holds a valid code: 食品经营许可证 JY and 食品生产许可证 SC with 14 digits, the last one after ISO 7064 MOD 11,10 (GB/T 17710).. NULL for NULL. #}
{% macro is_food_licence_no(column) -%}
    {{ return(adapter.dispatch('is_food_licence_no')(column)) }}
{%- endmacro %}

{% macro default__is_food_licence_no(column) -%}
    case when {{ column }} is null then null
    when not (length({{ column }}) = 16
    and substr({{ column }}, 1, 2) in ('JY', 'SC')
    and translate(substr({{ column }}, 3, 14), '0123456789', '') = '') then false
    else (((((((((((((((((((((((((((10 + (instr('0123456789', substr({{ column }}, 3, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 4, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 5, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 6, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 7, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 8, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 9, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 10, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 11, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 12, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 13, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 14, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 15, 1)) - 1) - 1) % 10 + 1) * 2 % 11 + (instr('0123456789', substr({{ column }}, 16, 1)) - 1)) % 10 = 1
    end
{%- endmacro %}
