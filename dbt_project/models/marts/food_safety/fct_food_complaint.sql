with

complaints as (
    select * from {{ ref('stg_syj__food_complaints') }}
),

final as (
    select
        {{ natural_key(['complaint_no', 'opened_date']) }} as food_complaint_id,
        case
            when licence_no is not null then {{ natural_key(['licence_no']) }}
        end as food_business_id,
        {{ natural_key(['town_code']) }} as place_id,
        complaint_no,
        licence_no,
        town_code,
        channel,
        topic,
        opened_at,
        opened_date,
        closed_at,
        closed_at is not null as is_closed,
        _batch_id,
        _loaded_at
    from complaints
)

select * from final
