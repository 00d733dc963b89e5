with

visits as (
    select *
    from {{ ref('int_visit_resolved') }}
    where {{ only_affected_days('visited_date') }}
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

final as (
    select
        coded.visit_id,
        coded.health_system,
        case
            when coded.resident is not null
                then {{ natural_key(['coded.resident']) }}
        end as health_resident_id,
        case
            when coded.facility_code is not null
                then {{ natural_key(['coded.facility_code']) }}
        end as health_facility_id,
        coded.facility_code,
        clinic_codes.clinic_id,
        clinic_codes.clinic_code,
        coded.clinic_sent_code,
        case
            when coded.town_code is not null
                then {{ natural_key(['coded.town_code']) }}
        end as place_id,
        coded.town_code,
        coded.sex,
        coded.birth_band,
        case
            when coded.years < 0 then null
            when coded.years >= 87 then '85+'
            else
                concat(
                    cast(greatest(coded.years - 2, 0) - greatest(coded.years - 2, 0) % 5 as string),
                    '-',
                    cast(greatest(coded.years - 2, 0) - greatest(coded.years - 2, 0) % 5 + 4 as string)
                )
        end as age_band,
        coded.visit_class,
        coded.visit_status,
        coded.visit_status not in ('planned', 'cancelled', 'entered-in-error')
            as is_counted,
        coded.visited_at,
        coded.visited_date,
        coded.ended_at,
        coded.onset_at,
        coded.icd10_sent_code,
        coded.icd10_code,
        case
            when coded.icd10_sent_code is null then 'missing'
            when icd10.icd10_code is not null then 'valid'
            when known_codes.icd10_code is not null then 'other_year'
            else 'unknown'
        end as icd10_status,
        icd10.chapter as icd10_chapter,
        coalesce(icd10.syndrome, 'unknown') as syndrome,
        coded.diagnoses,
        coded.outcome,
        coalesce(coded.years < 0, false) as is_before_birth,
        coded.is_patient_dangling,
        coded.is_organization_dangling,
        coded.reports,
        coded._batch_id,
        coded._loaded_at
    from coded
    left join clinic_codes
        on
            coded.health_system = clinic_codes.health_system
            and coded.clinic_sent_code = clinic_codes.sent_code
    left join icd10
        on
            coded.icd10_code = icd10.icd10_code
            and coded.visited_date >= icd10.valid_from_date
            and (
                icd10.valid_to_date is null
                or coded.visited_date < icd10.valid_to_date
            )
    left join known_codes on coded.icd10_code = known_codes.icd10_code
)

select * from final
