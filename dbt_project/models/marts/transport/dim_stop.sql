with

stops as (
    select * from {{ ref('stg_jtj__stops') }}
),

final as (
    select
        {{ natural_key(['stop_code']) }} as stop_id,
        stop_code,
        stop_name,
        latitude_deg,
        longitude_deg
    from stops
)

select * from final
