with

permits as (
    select * from {{ ref('int_permit_reported') }}
),

penalties as (
    select * from {{ ref('int_penalty_reported') }}
),

entries as (
    select * from {{ ref('int_list_entry_listed') }}
),

known as (
    select * from {{ ref('ref_credit_authority') }}
),

authorities as (
    select authority from permits
    union
    select authority from penalties
    union
    select authority from entries
),

-- An authority may carry several words: 市场监督管理局特种设备科 is special equipment.
ranked as (
    select
        authorities.authority,
        known.domain as known_domain,
        known.area_code,
        known.department_code,
        row_number() over (
            partition by authorities.authority
            order by
                known.priority asc,
                length(known.authority_word) desc,
                known.authority_word asc
        ) as precedence
    from authorities
    left join known
        on authorities.authority like '%' || known.authority_word || '%'
    where authorities.authority is not null
),

final as (
    select
        authority,
        coalesce(known_domain, 'general') as credit_domain,
        coalesce(area_code, 'commerce') as area_code,
        department_code,
        known_domain is not null as is_authority_known
    from ranked
    where precedence = 1
)

select * from final
