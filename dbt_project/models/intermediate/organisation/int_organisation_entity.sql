with

states as (
    select * from {{ ref('int_market_entity_state') }}
),

register as (
    select * from {{ ref('stg_gsj__market_entity_registers') }}
),

-- The newest change the register shows: what changed later, it may not have seen.
register_moment as (
    select max(updated_at) as seen_at
    from register
),

ranked as (
    select
        *,
        row_number() over (
            partition by entity_no
            order by updated_at desc, _batch_id desc
        ) as recency,
        row_number() over (
            partition by entity_no
            order by
                case when uscc is null then 1 else 0 end asc,
                updated_at desc,
                _batch_id desc
        ) as code_recency
    from states
),

-- A code that was once given stays the entity's, also where a later state lacks it.
entities as (
    select
        entity_no,
        max(case when code_recency = 1 then uscc end) as claimed_uscc,
        max(case when recency = 1 then status end) as status,
        max(case when recency = 1 then approved_date end) as approved_date,
        max(case when recency = 1 then successor_uscc end) as successor_uscc,
        max(updated_at) as updated_at
    from ranked
    where recency = 1 or code_recency = 1
    group by entity_no
),

judged as (
    select
        entities.*,
        register.entity_no is null
        and coalesce(entities.updated_at <= register_moment.seen_at, false)
            as is_deleted
    from entities
    cross join register_moment
    left join register on entities.entity_no = register.entity_no
),

-- Of several entities with one code the active one owns it; of these, the one
-- approved last.
claims as (
    select
        *,
        row_number() over (
            partition by claimed_uscc
            order by
                case when status = '存续' and not is_deleted then 0 else 1 end asc,
                approved_date desc,
                updated_at desc,
                entity_no asc
        ) as claim_no
    from judged
),

final as (
    select
        entity_no,
        case
            when claimed_uscc is not null and claim_no = 1
                then {{ natural_key(['claimed_uscc']) }}
            else {{ natural_key(['entity_no']) }}
        end as organisation_id,
        case when claim_no = 1 then claimed_uscc end as uscc,
        claimed_uscc,
        claimed_uscc is not null and claim_no > 1 as is_code_conflict,
        is_deleted,
        successor_uscc,
        updated_at
    from claims
)

select * from final
