with

requests as (
    select *
    from {{ ref('stg_wjj__hospital_a_medication_requests') }}
    where {{ only_affected_days('prescribed_date') }}
),

lines as (
    select *
    from {{ ref('stg_wjj__e_prescriptions') }}
    where {{ only_affected_days('prescribed_date') }}
),

reports as (
    select
        'A' as health_system,
        request_ref as prescription_ref,
        1 as line_no,
        encounter_ref as visit_ref,
        patient_ref,
        cast(null as string) as resident,
        cast(null as string) as town_code,
        cast(null as string) as facility_code,
        case
            when request_status = 'completed' then 'dispensed'
            when
                request_status in (
                    'cancelled', 'stopped', 'entered-in-error'
                )
                then 'withdrawn'
            else 'written'
        end as prescription_status,
        drug_code,
        quantity,
        unit,
        prescribed_at,
        prescribed_date,
        cast(null as timestamp with time zone) as dispensed_at,
        _batch_id,
        _loaded_at
    from requests
    union all
    select
        'B' as health_system,
        prescription_ref,
        line_no,
        visit_ref,
        cast(null as string) as patient_ref,
        resident,
        town_code,
        facility_code,
        case prescription_status
            when '已开具' then 'written'
            when '已调剂' then 'dispensed'
            when '已撤销' then 'withdrawn'
        end as prescription_status,
        drug_code,
        quantity,
        unit,
        prescribed_at,
        prescribed_date,
        dispensed_at,
        _batch_id,
        _loaded_at
    from lines
),

final as (
    select
        {{ natural_key([
            'health_system', 'prescription_ref', 'line_no', '_batch_id'
        ]) }} as prescription_report_id,
        {{ natural_key(['health_system', 'prescription_ref', 'line_no']) }}
            as prescription_id,
        {{ natural_key(['health_system', 'visit_ref']) }} as visit_id,
        health_system,
        patient_ref,
        resident,
        town_code,
        facility_code,
        prescription_status,
        drug_code,
        quantity,
        unit,
        prescribed_at,
        prescribed_date,
        dispensed_at,
        _batch_id,
        _loaded_at
    from reports
)

select * from final
