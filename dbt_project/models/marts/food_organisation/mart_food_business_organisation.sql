with

businesses as (
    select * from {{ ref('dim_food_business') }}
),

identifiers as (
    select * from {{ ref('dim_organisation_identifier') }}
),

organisations as (
    select * from {{ ref('dim_organisation') }}
),

by_code as (
    select
        identifier as uscc,
        organisation_id,
        confidence
    from identifiers
    where identifier_kind = 'uscc'
),

-- A sole trader's licence has no code. The registered name is taken where it means one
-- sole trader of the same town: a missing link is better than a wrong one.
by_name as (
    select
        identifiers.identifier as operator_name,
        organisations.town_code,
        organisations.organisation_id,
        identifiers.confidence
    from identifiers
    inner join organisations
        on identifiers.organisation_id = organisations.organisation_id
    where
        identifiers.identifier_kind = 'name'
        and identifiers.method = 'registered'
        and organisations.is_current
        and organisations.entity_kind = '个体工商户'
),

final as (
    select
        businesses.food_business_id,
        businesses.licence_no,
        coalesce(by_code.organisation_id, by_name.organisation_id) as organisation_id,
        case
            when by_code.organisation_id is not null then 'uscc'
            when by_name.organisation_id is not null then 'name'
        end as resolved_by,
        coalesce(by_code.confidence, by_name.confidence) as confidence
    from businesses
    left join by_code on businesses.uscc = by_code.uscc
    left join by_name
        on
            businesses.uscc is null
            and businesses.operator_name = by_name.operator_name
            and businesses.town_code = by_name.town_code
)

select * from final
