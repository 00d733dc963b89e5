-- Written from the contract wjj.health_facility by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('wjj', 'health_facility') }}
),

final as (
    select
        facility_code,
        name as facility_name,
        level as facility_level,
        kind as facility_kind,
        is_public,
        health_system,
        town_code,
        opened_date,
        closed_date,
        address,
        phone,
        _batch_id,
        _loaded_at
    from source
)

select * from final
