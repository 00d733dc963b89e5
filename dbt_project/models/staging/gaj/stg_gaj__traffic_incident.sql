-- Written from the contract gaj.traffic_incident by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('gaj', 'traffic_incident') }}
),

final as (
    select
        incident_id as incident_no,
        occurred_at,
        _event_date as occurred_date,
        cleared_at,
        kind as incident_kind,
        severity,
        town_code,
        road,
        longitude as longitude_deg,
        latitude as latitude_deg,
        vehicles,
        injured,
        plate_no,
        _batch_id,
        _loaded_at
    from source
)

select * from final
