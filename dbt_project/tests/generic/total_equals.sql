{# A roll-up loses nothing: the sum of `measure` equals `to_measure` over the relation it rolls up. #}
{% test total_equals(model, measure, to, to_measure='count(*)') %}

with expected as (
    select coalesce({{ to_measure }}, 0) as total
    from {{ to }}
),

actual as (
    select coalesce(sum({{ measure }}), 0) as total
    from {{ model }}
)

select
    expected.total as expected_total,
    actual.total as actual_total
from expected
cross join actual
where expected.total <> actual.total

{% endtest %}
