with

organisations as (
    select * from {{ ref('dim_organisation') }}
),

businesses as (
    select * from {{ ref('mart_food_business_profile') }}
),

licences as (
    select * from {{ ref('dim_food_business') }}
),

operators as (
    select * from {{ ref('mart_food_business_organisation') }}
),

credit as (
    select * from {{ ref('mart_credit_profile') }}
),

places as (
    select * from {{ ref('dim_place') }}
),

food_totals as (
    select
        operators.organisation_id,
        count(*) as food_licences,
        cast(
            sum(
                case
                    when
                        licences.licence_status = '有效'
                        and licences.valid_to_date >= {{ as_of() }}
                        then 1
                    else 0
                end
            ) as bigint
        ) as valid_food_licences,
        cast(sum(businesses.inspections) as bigint) as food_inspections,
        cast(sum(businesses.failed_inspections) as bigint)
            as failed_food_inspections,
        max(businesses.last_inspected_date) as last_food_inspected_date,
        cast(sum(businesses.complaints) as bigint) as food_complaints
    from licences
    inner join operators
        on licences.food_business_id = operators.food_business_id
    left join businesses
        on licences.food_business_id = businesses.food_business_id
    where operators.organisation_id is not null
    group by operators.organisation_id
),

current_places as (
    select
        place_id,
        name_zh
    from places
    where is_current
),

final as (
    select
        organisations.organisation_id,
        organisations.uscc,
        organisations.entity_name,
        organisations.entity_kind,
        organisations.industry_code,
        organisations.place_id,
        organisations.town_code,
        current_places.name_zh as town_name,
        organisations.status,
        organisations.registered_date,
        organisations.successor_organisation_id,
        coalesce(food_totals.food_licences, 0) as food_licences,
        coalesce(food_totals.valid_food_licences, 0) as valid_food_licences,
        coalesce(food_totals.food_inspections, 0) as food_inspections,
        coalesce(food_totals.failed_food_inspections, 0) as failed_food_inspections,
        food_totals.last_food_inspected_date,
        coalesce(food_totals.food_complaints, 0) as food_complaints,
        coalesce(credit.permits, 0) as permits,
        coalesce(credit.valid_permits, 0) as valid_permits,
        credit.last_permit_date,
        coalesce(credit.penalties, 0) as penalties,
        coalesce(credit.active_penalties, 0) as active_penalties,
        coalesce(credit.fine_wan, 0) as fine_wan,
        credit.last_penalty_date,
        coalesce(credit.list_memberships, 0) as list_memberships,
        coalesce(credit.active_sanctions, 0) as active_sanctions,
        coalesce(credit.active_incentives, 0) as active_incentives,
        credit.last_listed_date
    from organisations
    left join food_totals
        on organisations.organisation_id = food_totals.organisation_id
    left join credit
        on organisations.organisation_id = credit.organisation_id
    left join current_places on organisations.place_id = current_places.place_id
    where organisations.is_current
)

select * from final
