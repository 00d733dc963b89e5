with

reports as (
    select * from {{ ref('int_notifiable_card_reported') }}
),

diseases as (
    select * from {{ ref('ref_notifiable_disease') }}
),

places as (
    select * from {{ ref('dim_place') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by card_no
            order by revision desc, reported_at desc, _batch_id desc
        ) as recency,
        row_number() over (
            partition by card_no
            order by revision, reported_at, _batch_id
        ) as report_no,
        count(*) over (partition by card_no) as reports
    from reports
),

latest as (
    select * from ranked
    where recency = 1
),

-- Of a card whose first report never came nothing is known of its delay.
first_reports as (
    select
        ranked.card_no,
        ranked.disease_code as first_disease_code,
        ranked.diagnosed_at as first_diagnosed_at,
        ranked.reported_at as first_reported_at,
        ranked.facility_code as first_facility_code,
        diseases.managed_as as first_managed_as,
        diseases.report_within_hours as report_within_h
    from ranked
    left join diseases
        on
            ranked.disease_code = diseases.disease_code
            and ranked.diagnosed_date >= diseases.valid_from
            and (
                diseases.valid_to is null
                or ranked.diagnosed_date < diseases.valid_to
            )
    where ranked.report_no = 1 and ranked.revision = 0
),

delayed as (
    select
        *,
        cast(
            date_diff('second', first_diagnosed_at, first_reported_at) / 3600.0
            as decimal(12, 4)
        ) as report_delay_h
    from first_reports
),

final as (
    select
        {{ natural_key(['latest.card_no']) }} as notifiable_case_id,
        latest.card_no,
        case
            when latest.resident is not null
                then {{ natural_key(['latest.resident']) }}
        end as health_resident_id,
        latest.sex,
        latest.birth_band,
        latest.belongs_to,
        places.place_id,
        latest.town_code,
        coalesce(places.town_code, 'unknown') as counted_town_code,
        latest.occupation,
        latest.case_class,
        latest.disease_code,
        diseases.disease_class,
        diseases.managed_as,
        latest.onset_date,
        latest.diagnosed_at,
        latest.diagnosed_date,
        cast(date_trunc('week', latest.diagnosed_date) as date) as week_start_date,
        latest.death_date,
        latest.is_withdrawn,
        coalesce(latest.disease_code <> delayed.first_disease_code, false)
            as is_disease_corrected,
        latest.revision as revisions,
        latest.reports,
        delayed.card_no is not null as is_first_report_known,
        coalesce(delayed.first_facility_code, latest.facility_code) as facility_code,
        delayed.first_reported_at,
        delayed.first_managed_as,
        delayed.report_within_h,
        delayed.report_delay_h,
        delayed.report_delay_h <= delayed.report_within_h as is_on_time,
        latest.reported_at,
        latest.reported_date,
        latest._batch_id,
        latest._loaded_at
    from latest
    left join delayed on latest.card_no = delayed.card_no
    left join diseases
        on
            latest.disease_code = diseases.disease_code
            and latest.diagnosed_date >= diseases.valid_from
            and (
                diseases.valid_to is null
                or latest.diagnosed_date < diseases.valid_to
            )
    left join places
        on
            latest.town_code = places.town_code
            and latest.diagnosed_date >= places.valid_from_date
            and (
                places.valid_to_date is null
                or latest.diagnosed_date < places.valid_to_date
            )
)

select * from final
