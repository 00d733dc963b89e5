with

cards as (
    select *
    from {{ ref('stg_wjj__notifiable_disease_cards') }}
    where {{ only_affected_days('reported_date') }}
),

final as (
    select
        {{ natural_key(['card_no', 'revision', 'reported_date']) }}
            as notifiable_report_id,
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
        cast({{ local_timestamp('diagnosed_at') }} as date) as diagnosed_date,
        death_date,
        disease_code,
        corrected_from_code,
        is_withdrawn,
        facility_code,
        reported_at,
        reported_date,
        _batch_id,
        _loaded_at
    from cards
)

select * from final
