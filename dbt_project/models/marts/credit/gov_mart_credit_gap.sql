with

permits as (
    select * from {{ ref('fct_permit') }}
),

penalties as (
    select * from {{ ref('fct_penalty') }}
),

repairs as (
    select * from {{ ref('fct_credit_repair') }}
),

memberships as (
    select * from {{ ref('fct_list_membership') }}
),

authorities as (
    select * from {{ ref('int_credit_authority_matched') }}
),

gaps as (
    select
        'permit' as record_kind,
        'organisation_unresolved' as gap,
        organisation_id is null as is_gap
    from permits
    where coalesce(party_kind, 'unknown') <> '自然人'
    union all
    select
        'penalty' as record_kind,
        'organisation_unresolved' as gap,
        organisation_id is null as is_gap
    from penalties
    where coalesce(party_kind, 'unknown') <> '自然人'
    union all
    select
        'list_membership' as record_kind,
        'organisation_unresolved' as gap,
        organisation_id is null as is_gap
    from memberships
    union all
    select
        'penalty' as record_kind,
        'rule_missing' as gap,
        rule_id is null as is_gap
    from penalties
    union all
    select
        'penalty' as record_kind,
        'class_unknown' as gap,
        unknown_classes > 0 as is_gap
    from penalties
    union all
    select
        'penalty' as record_kind,
        'declared_end_different' as gap,
        not is_declared_end_right as is_gap
    from penalties
    where declared_publicity_end_date is not null
    union all
    select
        'repair' as record_kind,
        'penalty_unknown' as gap,
        is_orphan as is_gap
    from repairs
    union all
    select
        'repair' as record_kind,
        'party_different' as gap,
        is_party_different as is_gap
    from repairs
    union all
    select
        'repair' as record_kind,
        'granted_before_minimum' as gap,
        is_before_minimum as is_gap
    from repairs
    union all
    select
        'authority' as record_kind,
        'authority_unknown' as gap,
        not is_authority_known as is_gap
    from authorities
),

final as (
    select
        {{ natural_key(['record_kind', 'gap']) }} as credit_gap_id,
        record_kind,
        gap,
        count(*) as records_checked,
        cast(sum(case when is_gap then 1 else 0 end) as bigint) as gaps_found
    from gaps
    group by record_kind, gap
)

select * from final
