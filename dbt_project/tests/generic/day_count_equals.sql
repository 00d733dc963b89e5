{# Every day from `first` to `last` is there, and none else. #}
{% test day_count_equals(model, column, first, last) %}

with actual as (
    select
        count(distinct {{ column }}) as days,
        min({{ column }}) as first_day,
        max({{ column }}) as last_day
    from {{ model }}
)

select *
from actual
where
    first_day <> date '{{ first }}'
    or last_day <> date '{{ last }}'
    or days <> last_day - first_day + 1

{% endtest %}
