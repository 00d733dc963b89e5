with

reports as (
    select * from {{ ref('int_prescription_reported') }}
),

patients as (
    select * from {{ ref('int_patient_reported') }}
),

visits as (
    select * from {{ ref('int_visit_resolved') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by prescription_id
            order by _batch_id desc
        ) as recency,
        count(*) over (partition by prescription_id) as reports
    from reports
),

prescriptions as (
    select
        *,
        {{ add_days('prescribed_date', late_days()) }} as linked_until_date
    from ranked
    where recency = 1
),

patient_matches as (
    {{ matched_patient('prescriptions', 'prescription_id') }}
),

resolved as (
    select
        prescriptions.*,
        coalesce(prescriptions.resident, patient_matches.resident)
            as resolved_resident,
        coalesce(prescriptions.town_code, patient_matches.town_code)
            as resolved_town_code,
        coalesce(prescriptions.facility_code, visits.facility_code)
            as resolved_facility_code,
        visits.visit_id is null as is_visit_dangling
    from prescriptions
    left join patient_matches
        on prescriptions.prescription_id = patient_matches.prescription_id
    left join visits on prescriptions.visit_id = visits.visit_id
),

final as (
    select
        prescription_id,
        visit_id,
        health_system,
        case
            when resolved_resident is not null
                then {{ natural_key(['resolved_resident']) }}
        end as health_resident_id,
        case
            when resolved_facility_code is not null
                then {{ natural_key(['resolved_facility_code']) }}
        end as health_facility_id,
        resolved_facility_code as facility_code,
        resolved_town_code as town_code,
        drug_code,
        quantity,
        unit,
        prescription_status,
        prescribed_at,
        prescribed_date,
        dispensed_at,
        is_visit_dangling,
        reports,
        _batch_id,
        _loaded_at
    from resolved
)

select * from final
