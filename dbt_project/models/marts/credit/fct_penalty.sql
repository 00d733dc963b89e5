with

penalties as (
    select * from {{ ref('int_penalty_consolidated') }}
),

parties as (
    select * from {{ ref('int_credit_party_resolved') }}
),

authorities as (
    select * from {{ ref('int_credit_authority_matched') }}
),

ruled as (
    select * from {{ ref('int_penalty_ruled') }}
),

repaired as (
    select * from {{ ref('int_penalty_repaired') }}
),

dates as (
    select * from {{ ref('dim_date') }}
),

deadlines as (
    {{ workday_deadlines('dates', 7) }}
),

joined as (
    select
        penalties.*,
        parties.organisation_id,
        parties.resolved_by,
        authorities.department_code,
        coalesce(authorities.credit_domain, 'general') as credit_domain,
        {{ credit_area('penalties', 'authorities') }} as area_code,
        deadlines.deadline_date,
        penalties.first_reported_date > deadlines.deadline_date as is_late,
        coalesce(parties.is_party_compliant, false)
        and penalties.authority_code is not null
        and penalties.source_unit is not null as is_compliant,
        ruled.penalty_class_code,
        coalesce(ruled.unknown_classes, 0) as unknown_classes,
        ruled.rule_id,
        ruled.publicity_min_end_date,
        ruled.publicity_max_end_date,
        -- A repair ends publicity early, never before the minimum.
        case
            when repaired.repair_granted_date is not null
                then greatest(
                    repaired.repair_granted_date,
                    ruled.publicity_min_end_date
                )
        end as repair_end_date,
        case
            when ruled.rule_id is null then 'no_rule'
            when not ruled.is_class_publishable then 'class_not_published'
            else parties.party_withheld_because
        end as withheld_because
    from penalties
    left join parties on penalties.party_key = parties.party_key
    left join authorities on penalties.authority = authorities.authority
    left join ruled on penalties.penalty_id = ruled.penalty_id
    left join repaired on penalties.penalty_id = repaired.penalty_id
    left join deadlines on penalties.decision_date = deadlines.calendar_date
),

ended as (
    select
        *,
        -- What is withheld is never shown: its interval is empty, so that it also ends
        -- what was shown before. `least` passes over nulls.
        case
            when withheld_because is not null then decision_date
            else least(
                publicity_max_end_date,
                repair_end_date,
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
        penalty_id,
        organisation_id,
        resolved_by,
        doc_no,
        party_name,
        party_kind,
        uscc,
        registration_no,
        organisation_code,
        violation_kind,
        basis,
        penalty_class,
        penalty_class_code,
        unknown_classes,
        fine_wan,
        confiscated_wan,
        licence_revoked,
        decision_date,
        valid_until as valid_until_date,
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
            when publicity_end_date = repair_end_date then 'repair'
            else 'status'
        end as publicity_ended_by,
        declared_publicity_end as declared_publicity_end_date,
        {{ add_days('declared_publicity_end', 1) }} = publicity_max_end_date
            as is_declared_end_right,
        _batch_id,
        _loaded_at
    from ended
)

select * from final
