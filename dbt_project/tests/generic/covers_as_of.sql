{# Some row's validity, both ends included, holds the run's as-of day. One row where none does. #}
{% test covers_as_of(model, first, last) %}

with covering as (
    select count(*) as found
    from {{ model }}
    where {{ as_of() }} between {{ first }} and {{ last }}
)

select *
from covering
where found = 0

{% endtest %}
