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

entries as (
    select * from {{ ref('int_list_entry_listed') }}
),

list_days as (
    select distinct list_date
    from entries
),

lists as (
    select
        list_code,
        min(list_date) as first_list_date
    from entries
    group by list_code
),

sent_lists as (
    select distinct
        list_code,
        list_date
    from entries
),

gaps as (
    select
        'list' as record_kind,
        'list_not_among_those_sent' as gap,
        sent_lists.list_code is null as is_gap
    from lists
    inner join list_days on lists.first_list_date <= list_days.list_date
    left join sent_lists
        on
            lists.list_code = sent_lists.list_code
            and list_days.list_date = sent_lists.list_date
    union all
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
