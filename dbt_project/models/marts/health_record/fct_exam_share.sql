with

exams as (
    select * from {{ ref('int_exam_resolved') }}
),

all_exams as (
    select * from {{ ref('int_exam_resolved') }}
),

limits as (
    select * from {{ ref('ref_repeat_examination') }}
),

-- The same item of the same resident at another facility within the days of the rule. A
-- result that was recognised is no examination that could be repeated.
repeats as (
    select
        exams.exam_id,
        max(earlier.examined_at) as repeated_of_at,
        count(*) as earlier_exams
    from exams
    inner join limits
        on
            exams.item_code = limits.item_code
            and exams.examined_date >= limits.valid_from
            and (
                limits.valid_to is null or exams.examined_date < limits.valid_to
            )
    inner join all_exams as earlier
        on
            exams.resident = earlier.resident
            and exams.item_code = earlier.item_code
            and exams.facility_code <> earlier.facility_code
            and exams.examined_at > earlier.examined_at
            and exams.examined_at
            <= earlier.examined_at + limits.within_days * interval '1' day
            and earlier.is_counted
            and not earlier.is_recognised
    where exams.is_counted
    group by exams.exam_id
),

final as (
    select
        exams.exam_id,
        exams.health_system,
        case
            when exams.resident is not null
                then {{ natural_key(['exams.resident']) }}
        end as health_resident_id,
        case
            when exams.facility_code is not null
                then {{ natural_key(['exams.facility_code']) }}
        end as health_facility_id,
        exams.facility_code,
        exams.ordering_facility_code,
        exams.town_code,
        exams.item_code,
        exams.report_status,
        exams.is_counted,
        exams.examined_at,
        exams.examined_date,
        exams.issued_at,
        exams.is_recognised,
        repeats.exam_id is not null and not exams.is_recognised as is_repeated,
        repeats.exam_id is not null and exams.is_recognised as is_avoided,
        repeats.repeated_of_at,
        coalesce(repeats.earlier_exams, 0) as earlier_exams,
        exams.is_patient_dangling,
        exams.reports,
        exams._batch_id,
        exams._loaded_at
    from exams
    left join repeats on exams.exam_id = repeats.exam_id
)

select * from final
