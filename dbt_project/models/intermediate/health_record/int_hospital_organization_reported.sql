with

organizations as (
    select *
    from {{ ref('stg_wjj__hospital_a_organizations') }}
    where {{ only_affected_days('updated_date') }}
),

final as (
    select
        organization_ref,
        facility_code,
        updated_at,
        updated_date,
        _batch_id,
        _loaded_at
    from organizations
)

select * from final
