with

penalties as (
    select * from {{ ref('int_penalty_consolidated') }}
),

authorities as (
    select * from {{ ref('int_credit_authority_matched') }}
),

classes as (
    select * from {{ ref('ref_penalty_class') }}
),

rules as (
    select * from {{ ref('ref_publicity_rule') }}
),

parts as (
    select
        penalties.penalty_id,
        penalties.decision_date,
        penalties.declared_publicity_end,
        coalesce(authorities.credit_domain, 'general') as credit_domain,
        {{ split_rows("translate(penalties.penalty_class, '；、，,', ';;;;')", ';') }}
            as class_text
    from penalties
    left join authorities on penalties.authority = authorities.authority
),

-- A text nobody has listed is of class `other`, and counted.
classed as (
    select distinct
        parts.penalty_id,
        parts.decision_date,
        parts.declared_publicity_end,
        parts.credit_domain,
        trim(parts.class_text) as class_text,
        coalesce(classes.penalty_class, 'other') as penalty_class,
        classes.penalty_class is null as is_class_unknown
    from parts
    left join classes
        on
            trim(parts.class_text) = classes.class_text
            and parts.decision_date >= classes.valid_from
            and (
                classes.valid_to is null
                or parts.decision_date < classes.valid_to
            )
    where trim(parts.class_text) <> ''
),

-- The rule of each class: one of the class goes before one for any class, then one of
-- the domain before a general one.
candidates as (
    select
        classed.*,
        rules.rule_id,
        rules.is_publishable,
        rules.min_months,
        rules.max_months,
        rules.period_basis,
        row_number() over (
            partition by classed.penalty_id, classed.class_text
            order by
                case when rules.penalty_class = 'any' then 1 else 0 end asc,
                case when rules.domain = 'general' then 1 else 0 end asc,
                rules.valid_from desc,
                rules.rule_id asc
        ) as precedence
    from classed
    left join rules
        on
            rules.record_kind = 'penalty'
            and rules.domain in (classed.credit_domain, 'general')
            and rules.penalty_class in (classed.penalty_class, 'any')
            and classed.decision_date >= rules.valid_from
            and (
                rules.valid_to is null
                or classed.decision_date < rules.valid_to
            )
),

-- Of several classes the one with the longest period counts; one that is not published
-- at all counts only where every class is such.
longest as (
    select
        *,
        row_number() over (
            partition by penalty_id
            order by
                case
                    when rule_id is null then 2
                    when is_publishable then 0
                    else 1
                end asc,
                max_months desc,
                min_months desc,
                rule_id asc,
                class_text asc
        ) as choice,
        sum(case when is_class_unknown then 1 else 0 end) over (
            partition by penalty_id
        ) as unknown_classes
    from candidates
    where precedence = 1
),

final as (
    select
        penalty_id,
        penalty_class as penalty_class_code,
        cast(unknown_classes as int) as unknown_classes,
        rule_id,
        coalesce(is_publishable, false) as is_class_publishable,
        case
            when is_publishable
                then {{ add_months('decision_date', 'min_months') }}
        end as publicity_min_end_date,
        -- Where a record chooses its period, a declared last day within the minimum
        -- means the minimum; nothing else that is declared is taken over.
        case
            when
                is_publishable
                and period_basis = 'declared'
                and declared_publicity_end
                <= {{ add_months('decision_date', 'min_months') }}
                then {{ add_months('decision_date', 'min_months') }}
            when is_publishable
                then {{ add_months('decision_date', 'max_months') }}
        end as publicity_max_end_date
    from longest
    where choice = 1
)

select * from final
