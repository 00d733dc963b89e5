with

states as (
    select * from {{ ref('int_market_entity_state') }}
),

entities as (
    select * from {{ ref('int_organisation_entity') }}
),

methods as (
    select * from {{ ref('ref_identifier_method') }}
),

-- Left out: the tax number of a sole trader, since it is made of the trader's identity
-- number, and numbers that repeat a credit code which another entity owns.
held as (
    select
        entities.organisation_id,
        entities.is_code_conflict,
        states.uscc,
        states.registration_no,
        case
            when
                not entities.is_code_conflict
                or states.organisation_code <> substr(entities.claimed_uscc, 9, 9)
                then states.organisation_code
        end as organisation_code,
        case
            when
                states.entity_kind <> '个体工商户'
                and (
                    not entities.is_code_conflict
                    or states.tax_no <> entities.claimed_uscc
                )
                then states.tax_no
        end as tax_no,
        states.entity_name,
        states.former_name,
        case
            when
                row_number() over (
                    partition by states.entity_no
                    order by states.updated_at desc, states._batch_id desc
                ) = 1
                then 'registered'
            else 'former'
        end as known_by
    from states
    inner join entities on states.entity_no = entities.entity_no
),

claims as (
    select
        organisation_id,
        'uscc' as identifier_kind,
        uscc as identifier,
        'registered' as known_by
    from entities
    union all
    select
        organisation_id,
        'uscc' as identifier_kind,
        uscc as identifier,
        'former' as known_by
    from held
    where not is_code_conflict
    union all
    select
        organisation_id,
        'registration_no' as identifier_kind,
        registration_no as identifier,
        known_by
    from held
    union all
    select
        organisation_id,
        'organisation_code' as identifier_kind,
        organisation_code as identifier,
        known_by
    from held
    union all
    select
        organisation_id,
        'organisation_code' as identifier_kind,
        substr(uscc, 9, 9) as identifier,
        'from_uscc' as known_by
    from entities
    union all
    select
        organisation_id,
        'organisation_code' as identifier_kind,
        substr(tax_no, 7, 9) as identifier,
        'from_tax_no' as known_by
    from held
    where length(tax_no) = 15
    union all
    select
        organisation_id,
        'tax_no' as identifier_kind,
        tax_no as identifier,
        known_by
    from held
    union all
    select
        organisation_id,
        'tax_no' as identifier_kind,
        uscc as identifier,
        'from_uscc' as known_by
    from entities
    union all
    select
        organisation_id,
        'name' as identifier_kind,
        entity_name as identifier,
        known_by
    from held
    union all
    select
        organisation_id,
        'name' as identifier_kind,
        former_name as identifier,
        'former' as known_by
    from held
),

weighed as (
    select
        claims.organisation_id,
        claims.identifier_kind,
        claims.identifier,
        claims.known_by,
        methods.confidence
    from claims
    inner join methods
        on
            claims.identifier_kind = methods.identifier_kind
            and claims.known_by = methods.method
),

resolved as (
    {{ best_identifiers('weighed') }}
),

final as (
    select
        {{ natural_key(['identifier_kind', 'identifier']) }}
            as organisation_identifier_id,
        identifier_kind,
        identifier,
        organisation_id,
        -- The name that readers of the crosswalk know.
        known_by as method, -- noqa: RF04
        confidence,
        organisations,
        organisations > 1 as is_ambiguous
    from resolved
)

select * from final
