with

entities as (
    select * from {{ ref('stg_gleif__entities') }}
),

final as (
    select
        country,
        count(*) as entities,
        count(case when registration_status = 'LAPSED' then 1 end) as lapsed_entities
    from entities
    group by country
)

select * from final
