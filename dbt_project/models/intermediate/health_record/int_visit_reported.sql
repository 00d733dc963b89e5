with

encounters as (
    select *
    from {{ ref('stg_wjj__hospital_a_encounters') }}
    where {{ only_affected_days('started_date') }}
),

outpatients as (
    select *
    from {{ ref('stg_wjj__hospital_b_visits') }}
    where {{ only_affected_days('visited_date') }}
),

reports as (
    select
        'A' as health_system,
        encounter_ref as visit_ref,
        encounter_status as visit_status,
        class_code as visit_class,
        patient_ref,
        cast(null as string) as resident,
        cast(null as string) as sex,
        cast(null as string) as birth_band,
        cast(null as string) as town_code,
        organization_ref,
        cast(null as string) as facility_code,
        clinic_code as clinic_sent_code,
        started_at as visited_at,
        started_date as visited_date,
        ended_at,
        cast(null as timestamp with time zone) as onset_at,
        cast(null as string) as icd10_sent_code,
        cast(null as string) as other_icd10_codes,
        cast(null as string) as outcome,
        updated_at as reported_at,
        _batch_id,
        _loaded_at
    from encounters
    union all
    select
        'B' as health_system,
        visit_ref,
        'finished' as visit_status,
        case visit_class
            when '1' then 'AMB'
            when '2' then 'EMER'
            when '3' then 'IMP'
        end as visit_class,
        cast(null as string) as patient_ref,
        resident,
        case sex_code
            when '1' then 'male'
            when '2' then 'female'
            else 'unknown'
        end as sex,
        birth_band,
        town_code,
        cast(null as string) as organization_ref,
        facility_code,
        clinic_code as clinic_sent_code,
        visited_at,
        visited_date,
        cast(null as timestamp with time zone) as ended_at,
        onset_at,
        icd10_code as icd10_sent_code,
        other_icd10_codes,
        outcome,
        _loaded_at as reported_at,
        _batch_id,
        _loaded_at
    from outpatients
),

final as (
    select
        {{ natural_key(['health_system', 'visit_ref', '_batch_id']) }}
            as visit_report_id,
        {{ natural_key(['health_system', 'visit_ref']) }} as visit_id,
        health_system,
        visit_ref,
        visit_status,
        visit_class,
        patient_ref,
        resident,
        sex,
        birth_band,
        town_code,
        organization_ref,
        facility_code,
        clinic_sent_code,
        visited_at,
        visited_date,
        ended_at,
        onset_at,
        icd10_sent_code,
        other_icd10_codes,
        outcome,
        reported_at,
        _batch_id,
        _loaded_at
    from reports
)

select * from final
