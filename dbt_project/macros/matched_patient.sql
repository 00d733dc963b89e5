{#
    Which patient a reference of an event leads to: the columns `id`, resident, sex, birth_band and town_code, one row an
    event that finds one. The model's CTE `patients` holds every report of a patient (`int_patient_reported`).

    A reference is to the patient's record, or conditional by the citizen number. Of several reports the newest counts that
    is not of a day after the event's `linked_until_date`: who moves later lived where they lived. It may come at any time
    (an export that was held), so a model that asks is made whole.
#}
{% macro matched_patient(events, id) -%}
    with referable as (
        select
            patient_ref as reference,
            patients.*
        from patients
        union all
        select
            resident_ref as reference,
            patients.*
        from patients
        where resident_ref is not null
    ),

    found as (
        select
            {{ events }}.{{ id }},
            referable.resident,
            referable.sex,
            referable.birth_band,
            referable.town_code,
            row_number() over (
                partition by {{ events }}.{{ id }}
                order by referable.updated_at desc, referable._batch_id desc, referable.patient_ref
            ) as recency
        from {{ events }}
        inner join referable
            on
                {{ events }}.patient_ref = referable.reference
                and referable.updated_date <= {{ events }}.linked_until_date
    )

    select *
    from found
    where recency = 1
{%- endmacro %}
