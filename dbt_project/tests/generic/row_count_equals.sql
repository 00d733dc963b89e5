{# As many rows as another relation. #}
{% test row_count_equals(model, to) %}

with expected as (
    select count(*) as row_count
    from {{ to }}
),

actual as (
    select count(*) as row_count
    from {{ model }}
)

select
    expected.row_count as expected_rows,
    actual.row_count as actual_rows
from expected
cross join actual
where expected.row_count <> actual.row_count

{% endtest %}
