with

reports_a as (
    select *
    from {{ ref('stg_wjj__hospital_a_diagnostic_reports') }}
    where {{ only_affected_days('examined_date') }}
),

reports_b as (
    select *
    from {{ ref('stg_wjj__lab_reports') }}
    where {{ only_affected_days('examined_date') }}
),

reports as (
    select
        'A' as health_system,
        report_ref,
        report_status as status_sent,
        patient_ref,
        cast(null as string) as resident,
        cast(null as string) as town_code,
        organization_ref,
        cast(null as string) as facility_code,
        cast(null as string) as ordering_facility_code,
        item_code,
        examined_at,
        examined_date,
        issued_at,
        coalesce(is_recognised, false) as is_recognised,
        _batch_id,
        _loaded_at
    from reports_a
    union all
    select
        'B' as health_system,
        report_ref,
        case report_status
            when 'F' then 'final'
            when 'C' then 'corrected'
            when 'P' then 'preliminary'
        end as status_sent,
        cast(null as string) as patient_ref,
        resident,
        town_code,
        cast(null as string) as organization_ref,
        laboratory_code as facility_code,
        ordering_facility_code,
        item_code,
        examined_at,
        examined_date,
        issued_at,
        coalesce(recognition_code, 'N') = 'Y' as is_recognised,
        _batch_id,
        _loaded_at
    from reports_b
),

final as (
    select
        {{ natural_key(['health_system', 'report_ref', '_batch_id']) }}
            as exam_report_id,
        {{ natural_key(['health_system', 'report_ref']) }} as exam_id,
        health_system,
        status_sent as report_status,
        patient_ref,
        resident,
        town_code,
        organization_ref,
        facility_code,
        ordering_facility_code,
        item_code,
        examined_at,
        examined_date,
        issued_at,
        is_recognised,
        _batch_id,
        _loaded_at
    from reports
)

select * from final
