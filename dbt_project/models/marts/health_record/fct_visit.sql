with

visits as (
    select * from {{ ref('int_visit_resolved') }}
),

icd10 as (
    select * from {{ ref('dim_icd10') }}
),

clinics as (
    select * from {{ ref('dim_clinic') }}
),

-- Both hospitals' codes of a clinic.
clinic_codes as (
    select
        'A' as health_system,
        clinic_code as sent_code,
        clinic_id,
        clinic_code
    from clinics
    union all
    select
        'B' as health_system,
        hospital_b_code as sent_code,
        clinic_id,
        clinic_code
    from clinics
),

known_codes as (
    select distinct icd10_code
    from icd10
),

-- The national six-character form and the tenth revision agree in four characters. The
-- age is that of the middle of the five-year band.
coded as (
    select
        *,
        nullif(
            regexp_extract(icd10_sent_code, '^[A-Z][0-9]{2}([.][0-9])?', 0), ''
        ) as icd10_code,
        cast(extract(year from visited_date) as int)
        - cast(substr(birth_band, 1, 4) as int) as years
    from visits
),

aged as (
    select
        *,
        greatest(years - 2, 0) - greatest(years - 2, 0) % 5 as band_start
    from coded
),

final as (
    select
        aged.visit_id,
        aged.health_system,
        case
            when aged.resident is not null
                then {{ natural_key(['aged.resident']) }}
        end as health_resident_id,
        case
            when aged.facility_code is not null
                then {{ natural_key(['aged.facility_code']) }}
        end as health_facility_id,
        aged.facility_code,
        clinic_codes.clinic_id,
        clinic_codes.clinic_code,
        aged.clinic_sent_code,
        case
            when aged.town_code is not null
                then {{ natural_key(['aged.town_code']) }}
        end as place_id,
        aged.town_code,
        aged.sex,
        aged.birth_band,
        case
            when aged.years is null or aged.years < 0 then null
            when aged.years >= 87 then '85+'
            else
                concat(
                    cast(aged.band_start as string),
                    '-',
                    cast(aged.band_start + 4 as string)
                )
        end as age_band,
        aged.visit_class,
        aged.visit_status,
        aged.visit_status not in ('planned', 'cancelled', 'entered-in-error')
            as is_counted,
        aged.visited_at,
        aged.visited_date,
        aged.ended_at,
        aged.onset_at,
        aged.icd10_sent_code,
        aged.icd10_code,
        case
            when aged.icd10_sent_code is null then 'missing'
            when icd10.icd10_code is not null then 'valid'
            when known_codes.icd10_code is not null then 'other_year'
            else 'unknown'
        end as icd10_status,
        icd10.chapter as icd10_chapter,
        coalesce(icd10.syndrome, 'unknown') as syndrome,
        aged.diagnoses,
        aged.outcome,
        coalesce(aged.years < 0, false) as is_before_birth,
        aged.is_patient_dangling,
        aged.is_organization_dangling,
        aged.reports,
        aged._batch_id,
        aged._loaded_at
    from aged
    left join clinic_codes
        on
            aged.health_system = clinic_codes.health_system
            and aged.clinic_sent_code = clinic_codes.sent_code
    left join icd10
        on
            aged.icd10_code = icd10.icd10_code
            and aged.visited_date >= icd10.valid_from_date
            and (
                icd10.valid_to_date is null
                or aged.visited_date < icd10.valid_to_date
            )
    left join known_codes on aged.icd10_code = known_codes.icd10_code
)

select * from final
