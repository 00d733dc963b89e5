{#
    Incremental strategy `affected_days`: delete the rows of the affected days, insert what the
    sources hold for them now. A day that has no rows any more is emptied. The model declares
    `meta.citylake.day_column` and `feeds`.
#}
{% macro get_incremental_affected_days_sql(arg_dict) -%}
    {%- set settings = config.get('meta')['citylake'] -%}
    {%- set predicate = on_days(settings['day_column'], affected_days(settings)) -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    delete from {{ arg_dict['target_relation'] }}
    where {{ predicate }};
    insert into {{ arg_dict['target_relation'] }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }}
    where {{ predicate }}
{%- endmacro %}
