with

reports as (
    select * from {{ ref('int_visit_reported') }}
),

patients as (
    select * from {{ ref('int_patient_reported') }}
),

diagnoses as (
    select * from {{ ref('int_diagnosis_reported') }}
),

organizations as (
    select * from {{ ref('int_hospital_organization_reported') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by visit_id
            order by reported_at desc, _batch_id desc
        ) as recency,
        count(*) over (partition by visit_id) as reports
    from reports
),

-- What arrives until three days after the visit counts, and what comes with its last
-- report: of an inpatient that may be weeks later.
visits as (
    select
        *,
        greatest(
            {{ add_days('visited_date', late_days()) }},
            case
                when health_system = 'A'
                    then cast({{ local_timestamp('reported_at') }} as date)
                else visited_date
            end
        ) as linked_until_date
    from ranked
    where recency = 1
),

patient_matches as (
    {{ matched_patient('visits', 'visit_id') }}
),

-- A diagnosis that is sent again is the same one; what it says last counts.
diagnosis_reports as (
    select
        visits.visit_id,
        diagnoses.condition_ref,
        diagnoses.icd10_code,
        diagnoses.onset_at,
        diagnoses.recorded_at,
        row_number() over (
            partition by visits.visit_id, diagnoses.condition_ref
            order by diagnoses._batch_id desc
        ) as recency
    from visits
    inner join diagnoses
        on
            visits.health_system = 'A'
            and visits.visit_ref = diagnoses.visit_ref
            and visits.linked_until_date >= diagnoses.recorded_date
),

diagnosis_ranked as (
    select
        *,
        row_number() over (
            partition by visit_id
            order by recorded_at, condition_ref
        ) as place,
        count(*) over (partition by visit_id) as diagnoses
    from diagnosis_reports
    where recency = 1
),

-- The first diagnosis of a visit is its main one.
diagnosis_matches as (
    select *
    from diagnosis_ranked
    where place = 1
),

organization_matches as (
    {{ matched_organization('visits', 'visit_id') }}
),

final as (
    select
        visits.visit_id,
        visits.health_system,
        visits.visit_ref,
        visits.visit_status,
        visits.visit_class,
        coalesce(visits.resident, patient_matches.resident) as resident,
        coalesce(visits.sex, patient_matches.sex, 'unknown') as sex,
        coalesce(visits.birth_band, patient_matches.birth_band) as birth_band,
        coalesce(visits.town_code, patient_matches.town_code) as town_code,
        coalesce(visits.facility_code, organization_matches.facility_code)
            as facility_code,
        visits.clinic_sent_code,
        visits.visited_at,
        visits.visited_date,
        visits.ended_at,
        coalesce(visits.onset_at, diagnosis_matches.onset_at) as onset_at,
        coalesce(visits.icd10_sent_code, diagnosis_matches.icd10_code)
            as icd10_sent_code,
        case
            when visits.health_system = 'A'
                then coalesce(diagnosis_matches.diagnoses, 0)
            when visits.icd10_sent_code is null then 0
            else
                1
                + length(coalesce(visits.other_icd10_codes, ''))
                - length(replace(coalesce(visits.other_icd10_codes, ''), ';', ''))
                + case when visits.other_icd10_codes is null then 0 else 1 end
        end as diagnoses,
        visits.outcome,
        visits.patient_ref is not null and patient_matches.visit_id is null
            as is_patient_dangling,
        visits.organization_ref is not null
        and organization_matches.visit_id is null as is_organization_dangling,
        visits.reports,
        visits._batch_id,
        visits._loaded_at
    from visits
    left join patient_matches on visits.visit_id = patient_matches.visit_id
    left join diagnosis_matches on visits.visit_id = diagnosis_matches.visit_id
    left join organization_matches
        on visits.visit_id = organization_matches.visit_id
)

select * from final
