-- Written from the contract wjj.notifiable_disease_card by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('wjj', 'notifiable_disease_card') }}
),

final as (
    select
        card_no,
        revision,
        report_type,
        resident,
        sex,
        birth_band,
        belongs_to,
        town_code,
        occupation,
        case_class,
        onset_date,
        diagnosed_at,
        death_date,
        disease_code,
        corrected_from_code,
        is_withdrawn,
        reporting_facility as facility_code,
        filled_date,
        reported_at,
        _event_date as reported_date,
        _batch_id,
        _loaded_at
    from source
)

select * from final
