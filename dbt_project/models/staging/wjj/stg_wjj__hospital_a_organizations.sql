-- Written from the contract wjj.hospital_a_record by `make generate`;
-- edit the contract, not this file.
with

source as (
    select * from {{ source('wjj', 'hospital_a_record__organization') }}
),

final as (
    select
        organization_ref,
        facility_code,
        name as organization_name,
        updated_at,
        _event_date as updated_date,
        _batch_id,
        _loaded_at
    from source
)

select * from final
