with

permits as (
    select * from {{ ref('int_permit_reported') }}
),

penalties as (
    select * from {{ ref('int_penalty_reported') }}
),

identifiers as (
    select * from {{ ref('dim_organisation_identifier') }}
),

name_words as (
    select * from {{ ref('ref_party_name_word') }}
),

parties as (
    select
        party_key,
        party_kind,
        party_name,
        uscc,
        registration_no,
        organisation_code,
        tax_no
    from permits
    union
    select
        party_key,
        party_kind,
        party_name,
        uscc,
        registration_no,
        organisation_code,
        tax_no
    from penalties
),

-- A natural person is no organisation, whatever number came with it; the layout of 2016
-- does not say the kind of a party.
given as (
    select
        party_key,
        'uscc' as identifier_kind,
        1 as precedence,
        {{ identifier_text('uscc') }} as identifier
    from parties
    where coalesce(party_kind, 'unknown') <> '自然人'
    union all
    select
        party_key,
        'registration_no' as identifier_kind,
        2 as precedence,
        {{ identifier_text('registration_no') }} as identifier
    from parties
    where coalesce(party_kind, 'unknown') <> '自然人'
    union all
    select
        party_key,
        'organisation_code' as identifier_kind,
        3 as precedence,
        {{ identifier_text('organisation_code') }} as identifier
    from parties
    where coalesce(party_kind, 'unknown') <> '自然人'
    union all
    select
        party_key,
        'tax_no' as identifier_kind,
        4 as precedence,
        {{ identifier_text('tax_no') }} as identifier
    from parties
    where coalesce(party_kind, 'unknown') <> '自然人'
),

ranked as (
    select
        given.party_key,
        given.identifier_kind,
        identifiers.organisation_id,
        row_number() over (
            partition by given.party_key
            order by given.precedence
        ) as choice
    from given
    inner join identifiers
        on
            given.identifier_kind = identifiers.identifier_kind
            and given.identifier = identifiers.identifier
            and identifiers.organisation_id is not null
),

-- A code that begins with 92 is a sole trader's, whatever the report calls it.
kinds as (
    select
        *,
        party_kind = '个体工商户' or coalesce(uscc like '92%', false)
            as is_sole_trader,
        {{ is_like_identity_number('uscc') }} as is_identity_number
    from parties
),

trader_names as (
    select distinct
        party_name,
        {{ without_brackets('party_name') }} as plain_name
    from kinds
    where is_sole_trader and party_name is not null
),

-- A name is a business's where it says a trade, has no word of persons and is longer than
-- a person's: those have two to four characters. In doubt it is a person's.
business_names as (
    select trader_names.party_name
    from trader_names
    inner join name_words
        on trader_names.plain_name like '%' || name_words.name_word || '%'
    where length(trader_names.plain_name) >= 5
    group by trader_names.party_name
    having
        max(case when name_words.word_kind = 'business' then 1 else 0 end) = 1
        and max(case when name_words.word_kind = 'person' then 1 else 0 end) = 0
),

judged as (
    select
        kinds.*,
        coalesce({{ is_uscc('kinds.uscc') }}, false)
        and not kinds.is_identity_number as has_public_code,
        business_names.party_name is not null as has_business_name
    from kinds
    left join business_names on kinds.party_name = business_names.party_name
),

final as (
    select
        judged.party_key,
        ranked.organisation_id,
        ranked.identifier_kind as resolved_by,
        judged.party_name is not null
        and case judged.party_kind
            when '自然人' then judged.uscc is null
            when '个体工商户'
                then judged.has_public_code or judged.registration_no is not null
            when '法人及非法人组织' then judged.has_public_code
            else false
        end as is_party_compliant,
        case
            when judged.party_kind is null then 'kind_unknown'
            when judged.party_kind = '自然人' then 'natural_person'
            when judged.party_name is null then 'no_name'
            when
                judged.is_sole_trader and not judged.has_public_code
                then 'sole_trader_without_code'
            when
                judged.is_sole_trader and not judged.has_business_name
                then 'sole_trader_named_as_person'
            -- A code that was issued and fails its check is known by the register.
            when
                judged.uscc is not null
                and not judged.has_public_code
                and (
                    judged.is_identity_number
                    or coalesce(ranked.identifier_kind, 'none') <> 'uscc'
                )
                then 'organisation_with_wrong_code'
            when judged.uscc is null and ranked.organisation_id is null
                then 'organisation_unknown'
        end as party_withheld_because
    from judged
    left join ranked
        on judged.party_key = ranked.party_key and ranked.choice = 1
)

select * from final
