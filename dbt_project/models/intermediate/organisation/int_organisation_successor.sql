with recursive

entities as (
    select * from {{ ref('int_organisation_entity') }}
),

merged as (
    select
        entities.organisation_id,
        owners.organisation_id as successor_id
    from entities
    inner join entities as owners on entities.successor_uscc = owners.uscc
    where entities.organisation_id <> owners.organisation_id
),

-- `union` keeps a pair once, so that a circle of mergers ends like any other chain.
reached as (
    select
        organisation_id,
        successor_id
    from merged
    union
    select
        reached.organisation_id,
        merged.successor_id
    from reached
    inner join merged on reached.successor_id = merged.organisation_id
),

-- Who was merged itself is not the end; a circle has none.
ends as (
    select
        reached.organisation_id,
        reached.successor_id
    from reached
    left join merged on reached.successor_id = merged.organisation_id
    where merged.organisation_id is null
),

final as (
    select
        merged.organisation_id,
        merged.successor_id as direct_successor_organisation_id,
        ends.successor_id as successor_organisation_id
    from merged
    left join ends on merged.organisation_id = ends.organisation_id
)

select * from final
