with

permits as (
    select * from {{ ref('int_permit_consolidated') }}
),

parties as (
    select * from {{ ref('int_credit_party_resolved') }}
),

authorities as (
    select * from {{ ref('int_credit_authority_matched') }}
),

rules as (
    select * from {{ ref('ref_publicity_rule') }}
),

dates as (
    select * from {{ ref('dim_date') }}
),

deadlines as (
    {{ workday_deadlines('dates', 7) }}
),

joined as (
    select
        permits.*,
        parties.organisation_id,
        parties.resolved_by,
        authorities.department_code,
        coalesce(authorities.credit_domain, 'general') as credit_domain,
        {{ credit_area('permits', 'authorities') }} as area_code,
        deadlines.deadline_date,
        permits.first_reported_date > deadlines.deadline_date as is_late,
        coalesce(parties.is_party_compliant, false)
        and permits.authority_code is not null
        and permits.source_unit is not null as is_compliant,
        rules.rule_id,
        {{ add_months('permits.decision_date', 'rules.min_months') }}
            as publicity_min_end_date,
        case
            when rules.period_basis = 'validity' and permits.valid_to is not null
                then {{ add_days('permits.valid_to', 1) }}
            else {{ add_months('permits.decision_date', 'rules.max_months') }}
        end as publicity_max_end_date,
        case
            when rules.rule_id is null then 'no_rule'
            when not rules.is_publishable then 'class_not_published'
            else parties.party_withheld_because
        end as withheld_because
    from permits
    left join parties on permits.party_key = parties.party_key
    left join authorities on permits.authority = authorities.authority
    left join rules
        on
            rules.record_kind = 'permit'
            and permits.decision_date >= rules.valid_from
            and (
                rules.valid_to is null
                or permits.decision_date < rules.valid_to
            )
    left join deadlines on permits.decision_date = deadlines.calendar_date
),

ended as (
    select
        *,
        -- What is withheld is never shown: its interval is empty. `least` passes over
        -- nulls.
        case
            when withheld_because is not null then decision_date
            else least(
                publicity_max_end_date,
                case
                    when withdrawn_date > decision_date then withdrawn_date
                    when withdrawn_date is not null then decision_date
                end
            )
        end as publicity_end_date
    from joined
),

final as (
    select
        permit_id,
        organisation_id,
        resolved_by,
        doc_no,
        party_name,
        party_kind,
        uscc,
        registration_no,
        organisation_code,
        document_name,
        permit_kind,
        certificate_name,
        permit_no,
        decision_date,
        valid_from as valid_from_date,
        valid_to as valid_to_date,
        authority,
        authority_code,
        department_code,
        credit_domain,
        area_code,
        status,
        source_unit,
        source_unit_code,
        source_feed,
        reports,
        first_reported_date,
        reported_at,
        reported_date,
        deadline_date,
        is_late,
        is_compliant,
        rule_id,
        withheld_because is null as is_publishable,
        withheld_because,
        decision_date as publicity_start_date,
        publicity_min_end_date,
        publicity_end_date,
        case
            when withheld_because is not null then 'withheld'
            when publicity_end_date = publicity_max_end_date then 'period'
            else 'status'
        end as publicity_ended_by,
        _batch_id,
        _loaded_at
    from ended
)

select * from final
