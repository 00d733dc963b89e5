{#
    A durable id: the hash of a natural key. Equal on every engine and in every rebuild. Parts are told apart whatever
    they hold: `|` stands between them, within one it is `^|` and `^` is `^^`, and a missing one is `^0`.
#}
{% macro natural_key(columns) -%}
    md5(concat_ws('|'
    {%- for column in columns -%}
        , coalesce(replace(replace(cast({{ column }} as string), '^', '^^'), '|', '^|'), '^0')
    {%- endfor -%}
    ))
{%- endmacro %}
