{#
    Versions of entities from states that a register recorded, in any order and as often as they were read: the columns of
    the CTE `states` with `valid_from_date` and `valid_to_date`, half-open, a row a run of equal `attributes`. Of one
    entity they follow each other without a gap, and the last is open.

    Versions are of days: the last state of the day `recorded`, by the columns `latest_by`, is the day's. A state holds
    from the day `approved`, unless that is null, after it was recorded, or not after the day on which the state before
    was still recorded; then from the day it was recorded.
#}
{% macro state_versions(states, entity, attributes, recorded, approved, latest_by) -%}
    with ranked as (
        select
            *,
            row_number() over (
                partition by {{ entity }}, {{ recorded }}
                order by {{ latest_by | join(' desc, ') }} desc
            ) as recency
        from {{ states }}
    ),

    days as (
        select
            *,
            {{ natural_key(attributes) }} as fingerprint
        from ranked
        where recency = 1
    ),

    compared as (
        select
            *,
            lag(fingerprint) over (partition by {{ entity }} order by {{ recorded }}) as fingerprint_before,
            lag({{ recorded }}) over (partition by {{ entity }} order by {{ recorded }}) as recorded_before
        from days
    ),

    changes as (
        select
            *,
            case
                when {{ approved }} <= {{ recorded }} and (recorded_before is null or {{ approved }} > recorded_before)
                    then {{ approved }}
                else {{ recorded }}
            end as valid_from_date
        from compared
        where fingerprint is distinct from fingerprint_before
    )

    select
        *,
        lead(valid_from_date) over (partition by {{ entity }} order by valid_from_date) as valid_to_date
    from changes
{%- endmacro %}
