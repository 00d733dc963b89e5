{#
    What each identifier means: one row an `identifier_kind` and `identifier` of the CTE `claims` {organisation_id,
    identifier_kind, identifier, known_by, confidence}, where several organisations may claim one. The claims with the
    highest confidence decide; where they name several organisations, `organisation_id` is null: none is meant.
#}
{% macro best_identifiers(claims) -%}
    with weighed as (
        select
            *,
            max(confidence) over (partition by identifier_kind, identifier) as best_confidence
        from {{ claims }}
        where identifier is not null
    ),

    resolved as (
        select
            identifier_kind,
            identifier,
            min(organisation_id) as first_organisation_id,
            count(distinct organisation_id) as organisations,
            min(known_by) as known_by,
            max(confidence) as confidence
        from weighed
        where confidence = best_confidence
        group by identifier_kind, identifier
    )

    select
        identifier_kind,
        identifier,
        case when organisations = 1 then first_organisation_id end as organisation_id,
        known_by,
        confidence,
        organisations
    from resolved
{%- endmacro %}
