with

areas as (
    select * from {{ ref('stg_dxy__areas') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by province_name, city_name order by updated_at desc, city_confirmed desc
        ) as recency,
        count(*) over (partition by province_name, city_name) as observations
    from areas
),

final as (
    select
        province_name,
        city_name,
        updated_at,
        city_confirmed,
        city_dead,
        observations
    from ranked
    where recency = 1
)

select * from final
