{#
    Whether a unified social credit code is well formed and both its check characters are right (GB 32100-2015; places 9 to
    17 are an organisation code of GB 11714); null for null. Codes really issued fail it: see `ref_uscc_exception`.
#}
{% macro is_uscc(column) -%}
    {%- set digits = '0123456789' -%}
    {%- set characters = '0123456789ABCDEFGHJKLMNPQRTUWXY' -%}
    {%- set letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ' -%}
    {%- set weights = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28] -%}
    {%- set inner_weights = [3, 7, 9, 10, 5, 8, 4, 2] -%}
    case
        when {{ column }} is null then null
        when
            length({{ column }}) <> 18
            or translate({{ column }}, '{{ characters }}', '') <> ''
            or translate(substr({{ column }}, 3, 6), '{{ digits }}', '') <> ''
            then false
        else
            substr('{{ characters }}', 1 + cast((31 - (
                {%- for weight in weights -%}
                    {{ ' + ' if not loop.first }}{{ weight }}
                    * (instr('{{ characters }}', substr({{ column }}, {{ loop.index }}, 1)) - 1)
                {%- endfor -%}
            ) % 31) % 31 as int), 1) = substr({{ column }}, 18, 1)
            and substr('{{ digits }}X', 1 + cast((11 - (
                {%- for weight in inner_weights -%}
                    {{ ' + ' if not loop.first }}{{ weight }}
                    * (instr('{{ letters }}', substr({{ column }}, {{ loop.index + 8 }}, 1)) - 1)
                {%- endfor -%}
            ) % 11) % 11 as int), 1) = substr({{ column }}, 17, 1)
    end
{%- endmacro %}
