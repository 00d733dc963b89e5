with

states as (
    select * from {{ ref('fct_register_state') }}
),

current_names as (
    select * from {{ ref('dim_registered_organisation') }}
),

claims as (
    select
        organisation_id,
        'registration_no' as identifier_kind,
        register || ' ' || registration_no as identifier,
        'registered' as known_by,
        1.0 as confidence
    from states
    union all
    select
        organisation_id,
        'name' as identifier_kind,
        entity_name as identifier,
        'registered' as known_by,
        0.6 as confidence
    from current_names
    where is_current
    union all
    select
        organisation_id,
        'name' as identifier_kind,
        entity_name as identifier,
        'former' as known_by,
        0.4 as confidence
    from states
    union all
    select
        organisation_id,
        'trade_name' as identifier_kind,
        trade_name as identifier,
        'registered' as known_by,
        0.4 as confidence
    from states
),

resolved as (
    {{ best_identifiers('claims') }}
),

final as (
    select
        {{ natural_key(['identifier_kind', 'identifier']) }} as identifier_id,
        identifier_kind,
        identifier,
        organisation_id,
        known_by,
        confidence,
        organisations
    from resolved
)

select * from final
