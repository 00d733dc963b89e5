{#
    What a generic test reads. On a model that grows by affected days a test reads the affected
    days only, so that one more day costs the same after ten days and after a thousand; a full
    refresh tests everything. Tests that compare with receipts choose their own rows.
#}
{% macro get_where_subquery(relation) -%}
    {%- set own_rows = ['content_is_fresh', 'row_count_equals_receipts', 'total_equals', 'covers_as_of'] -%}
    {%- set predicates = [config.get('where')] if config.get('where') else [] -%}
    {%- set tested = graph.nodes.get(model.attached_node) if execute else none -%}
    {%- set settings = (tested.config.meta or {}).get('citylake', {}) if tested else {} -%}
    {%- if tested and tested.config.materialized == 'incremental' and model.test_metadata.name not in own_rows -%}
        {%- set days = affected_days(settings) -%}
        {%- if days is not none -%}
            {%- do predicates.append(on_days(settings['day_column'], days)) -%}
        {%- endif -%}
    {%- endif -%}
    {%- if predicates -%}
        {{ return('(select * from ' ~ relation ~ ' where ' ~ predicates | join(' and ') ~ ') as dbt_subquery') }}
    {%- endif -%}
    {{ return(relation) }}
{%- endmacro %}
