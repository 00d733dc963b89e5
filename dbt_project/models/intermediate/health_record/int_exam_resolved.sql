with

reports as (
    select * from {{ ref('int_exam_reported') }}
),

patients as (
    select * from {{ ref('int_patient_reported') }}
),

organizations as (
    select * from {{ ref('int_hospital_organization_reported') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by exam_id
            order by _batch_id desc
        ) as recency,
        count(*) over (partition by exam_id) as reports
    from reports
),

exams as (
    select
        *,
        {{ add_days('examined_date', late_days()) }} as linked_until_date
    from ranked
    where recency = 1
),

patient_matches as (
    {{ matched_patient('exams', 'exam_id') }}
),

organization_matches as (
    {{ matched_organization('exams', 'exam_id') }}
),

final as (
    select
        exams.exam_id,
        exams.health_system,
        exams.report_status,
        coalesce(exams.resident, patient_matches.resident) as resident,
        coalesce(exams.town_code, patient_matches.town_code) as town_code,
        coalesce(exams.facility_code, organization_matches.facility_code)
            as facility_code,
        exams.ordering_facility_code,
        exams.item_code,
        exams.examined_at,
        exams.examined_date,
        exams.issued_at,
        exams.is_recognised,
        exams.report_status not in ('cancelled', 'entered-in-error')
            as is_counted,
        exams.patient_ref is not null and patient_matches.exam_id is null
            as is_patient_dangling,
        exams.reports,
        exams._batch_id,
        exams._loaded_at
    from exams
    left join patient_matches on exams.exam_id = patient_matches.exam_id
    left join organization_matches
        on exams.exam_id = organization_matches.exam_id
)

select * from final
