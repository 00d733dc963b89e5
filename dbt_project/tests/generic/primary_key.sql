{# The grain: the columns together are unique and none is null. One row a broken key. #}
{% test primary_key(model, columns) %}

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
