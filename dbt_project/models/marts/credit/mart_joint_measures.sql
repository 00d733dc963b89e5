with

permits as (
    select * from {{ ref('fct_permit') }}
),

memberships as (
    select * from {{ ref('fct_list_membership') }}
),

-- A permit that was revoked afterwards was granted all the same.
final as (
    select
        {{ natural_key(['permits.permit_id', 'memberships.list_membership_id']) }}
            as joint_measure_id,
        permits.permit_id,
        memberships.list_membership_id,
        permits.organisation_id,
        permits.doc_no,
        permits.permit_kind,
        permits.decision_date,
        permits.authority,
        permits.department_code,
        memberships.list_code,
        memberships.list_name,
        memberships.valid_from_date as sanctioned_from_date,
        memberships.valid_to_date as sanctioned_to_date,
        permits.decision_date - memberships.valid_from_date as days_sanctioned
    from permits
    inner join memberships
        on
            permits.organisation_id = memberships.organisation_id
            and memberships.list_kind = '失信惩戒'
            and permits.decision_date >= memberships.valid_from_date
            and (
                memberships.valid_to_date is null
                or permits.decision_date < memberships.valid_to_date
            )
)

select * from final
