{#
    The grain: the columns together are unique and none is null. One row a broken key. Without `columns`
    the key is what the contract gives the model's source (a table that keeps repeats).
#}
{% test primary_key(model, columns=none) %}

{%- set columns = columns or source_key() %}

with counted as (
    select
        {{ columns | join(', ') }},
        count(*) as row_count
    from {{ model }}
    group by {{ columns | join(', ') }}
)

select *
from counted
where
    row_count > 1
    {% for column in columns %}or {{ column }} is null
    {% endfor %}

{% endtest %}
