{#
    The columns that tell rows of the model's one source apart, as its contract has them (`meta.key`, written by
    `make generate`). For tests on staging models, which keep the names of the lake's own columns.
#}
{% macro source_key() -%}
    {%- if not execute -%}
        {{ return(['_batch_id']) }}
    {%- endif -%}
    {%- set found = [] -%}
    {%- for name in graph.nodes[model.attached_node].depends_on.nodes if name in graph.sources -%}
        {%- do found.append((graph.sources[name].config.meta or {}).get('key')) -%}
    {%- endfor -%}
    {%- if found | length != 1 or not found[0] -%}
        {{ exceptions.raise_compiler_error(
            'primary_key on ' ~ model.attached_node ~ ' needs `columns`: its source gives no key of its own'
        ) }}
    {%- endif -%}
    {{ return(found[0]) }}
{%- endmacro %}
