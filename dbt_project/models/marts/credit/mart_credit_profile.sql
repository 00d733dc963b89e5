with

permits as (
    select * from {{ ref('fct_permit') }}
),

penalties as (
    select * from {{ ref('fct_penalty') }}
),

memberships as (
    select * from {{ ref('fct_list_membership') }}
),

permit_totals as (
    select
        organisation_id,
        count(*) as permits,
        cast(
            sum(
                case
                    when
                        status = '0'
                        and (
                            valid_to_date is null
                            or valid_to_date >= {{ as_of() }}
                        )
                        then 1
                    else 0
                end
            ) as bigint
        ) as valid_permits,
        max(decision_date) as last_permit_date
    from permits
    where organisation_id is not null
    group by organisation_id
),

penalty_totals as (
    select
        organisation_id,
        count(*) as penalties,
        cast(
            sum(
                case
                    when
                        {{ as_of() }} >= publicity_start_date
                        and {{ as_of() }} < publicity_end_date
                        then 1
                    else 0
                end
            ) as bigint
        ) as active_penalties,
        sum(fine_wan) as fine_wan,
        max(decision_date) as last_penalty_date
    from penalties
    where organisation_id is not null
    group by organisation_id
),

list_totals as (
    select
        organisation_id,
        count(*) as list_memberships,
        cast(
            sum(
                case
                    when
                        list_kind = '失信惩戒'
                        and {{ as_of() }} >= valid_from_date
                        and (
                            valid_to_date is null
                            or {{ as_of() }} < valid_to_date
                        )
                        then 1
                    else 0
                end
            ) as bigint
        ) as active_sanctions,
        cast(
            sum(
                case
                    when
                        list_kind = '守信激励'
                        and {{ as_of() }} >= valid_from_date
                        and (
                            valid_to_date is null
                            or {{ as_of() }} < valid_to_date
                        )
                        then 1
                    else 0
                end
            ) as bigint
        ) as active_incentives,
        max(valid_from_date) as last_listed_date
    from memberships
    where organisation_id is not null
    group by organisation_id
),

records as (
    select
        organisation_id,
        area_code
    from permits
    union all
    select
        organisation_id,
        area_code
    from penalties
    union all
    select
        organisation_id,
        area_code
    from memberships
),

area_totals as (
    select
        organisation_id,
        cast(sum(case when area_code = 'government' then 1 else 0 end) as bigint)
            as government_records,
        cast(sum(case when area_code = 'commerce' then 1 else 0 end) as bigint)
            as commerce_records,
        cast(sum(case when area_code = 'society' then 1 else 0 end) as bigint)
            as society_records,
        cast(sum(case when area_code = 'judiciary' then 1 else 0 end) as bigint)
            as judiciary_records
    from records
    where organisation_id is not null
    group by organisation_id
),

final as (
    select
        area_totals.organisation_id,
        coalesce(permit_totals.permits, 0) as permits,
        coalesce(permit_totals.valid_permits, 0) as valid_permits,
        permit_totals.last_permit_date,
        coalesce(penalty_totals.penalties, 0) as penalties,
        coalesce(penalty_totals.active_penalties, 0) as active_penalties,
        coalesce(penalty_totals.fine_wan, 0) as fine_wan,
        penalty_totals.last_penalty_date,
        coalesce(list_totals.list_memberships, 0) as list_memberships,
        coalesce(list_totals.active_sanctions, 0) as active_sanctions,
        coalesce(list_totals.active_incentives, 0) as active_incentives,
        list_totals.last_listed_date,
        area_totals.government_records,
        area_totals.commerce_records,
        area_totals.society_records,
        area_totals.judiciary_records
    from area_totals
    left join permit_totals
        on area_totals.organisation_id = permit_totals.organisation_id
    left join penalty_totals
        on area_totals.organisation_id = penalty_totals.organisation_id
    left join list_totals
        on area_totals.organisation_id = list_totals.organisation_id
)

select * from final
