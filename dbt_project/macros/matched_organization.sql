{#
    Which organisation a reference of an event leads to: the columns `id` and facility_code, one row an event that finds
    one. The model's CTE `organizations` holds every report of an organisation (`int_hospital_organization_reported`). Of
    several reports the newest counts that is not of a day after the event's `linked_until_date`, as of patients.
#}
{% macro matched_organization(events, id) -%}
    with found as (
        select
            {{ events }}.{{ id }},
            organizations.facility_code,
            row_number() over (
                partition by {{ events }}.{{ id }}
                order by organizations.updated_at desc, organizations._batch_id desc
            ) as recency
        from {{ events }}
        inner join organizations
            on
                {{ events }}.organization_ref = organizations.organization_ref
                and organizations.updated_date <= {{ events }}.linked_until_date
    )

    select *
    from found
    where recency = 1
{%- endmacro %}
