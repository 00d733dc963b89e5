-- Written from the contract gaj.traffic_incident by `make generate`;
-- edit the contract, not this file.
with

delivered as (
    select * from {{ ref('stg_gaj__traffic_incident') }}
),

final as (
    select
        {{ natural_key([
            'incident_no',
        ]) }} as traffic_incident_id,
        incident_no,
        occurred_at,
        occurred_date,
        cleared_at,
        incident_kind,
        severity,
        town_code,
        road,
        longitude_deg,
        latitude_deg,
        vehicles,
        injured,
        _batch_id,
        _loaded_at
    from delivered
)

select * from final
