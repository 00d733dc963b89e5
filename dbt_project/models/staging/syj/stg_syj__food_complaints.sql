-- Written from the contract syj.complaint by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('syj', 'complaint') }}
),

final as (
    select
        complaint_id as complaint_no,
        channel,
        opened_at,
        _event_date as opened_date,
        closed_at,
        topic,
        phone as caller_pseudonym,
        town_code,
        licence_no,
        _batch_id,
        _loaded_at
    from source
)

select * from final
