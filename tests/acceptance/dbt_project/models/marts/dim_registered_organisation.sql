with

states as (
    select * from {{ ref('fct_register_state') }}
),

versions as (
    {{ state_versions(
        'states',
        entity='organisation_id',
        attributes=['entity_name', 'status'],
        recorded='recorded_date',
        approved='approved_date',
        latest_by=['line_no'],
    ) }}
),

final as (
    select
        {{ natural_key(['organisation_id', 'valid_from_date']) }} as organisation_version_id,
        organisation_id,
        register,
        entity_no,
        entity_name,
        status,
        valid_from_date,
        valid_to_date,
        valid_to_date is null as is_current
    from versions
)

select * from final
