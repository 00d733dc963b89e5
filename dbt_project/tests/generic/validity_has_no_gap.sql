{#
    Half-open periods of one entity follow each other: each ends on the day the next begins, after its own start, and the
    last is open. One row a period that does not.
#}
{% test validity_has_no_gap(model, entity, valid_from, valid_to) %}

with periods as (
    select
        {{ entity }},
        {{ valid_from }},
        {{ valid_to }},
        lead({{ valid_from }}) over (
            partition by {{ entity }}
            order by {{ valid_from }}
        ) as next_from
    from {{ model }}
)

select *
from periods
where
    {{ valid_to }} is distinct from next_from
    or {{ valid_to }} <= {{ valid_from }}
    or {{ valid_from }} is null

{% endtest %}
