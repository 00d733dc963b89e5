with

positions as (
    select *
    from {{ ref('stg_bench__positions') }}
    where {{ only_affected_days('positioned_date') }}
),

final as (
    select
        vehicle,
        positioned_at,
        positioned_date,
        longitude,
        latitude,
        speed_kmh,
        _batch_id
    from positions
)

select * from final
