with

visits as (
    select * from {{ ref('int_visit_resolved') }}
),

patients as (
    select * from {{ ref('int_patient_reported') }}
),

statements as (
    select
        resident,
        health_system,
        sex,
        birth_band,
        town_code,
        visited_at as stated_at,
        _batch_id,
        1 as visits
    from visits
    where resident is not null
    union all
    select
        resident,
        'A' as health_system,
        sex,
        birth_band,
        town_code,
        updated_at as stated_at,
        _batch_id,
        0 as visits
    from patients
    where resident is not null
),

ranked as (
    select
        *,
        row_number() over (
            partition by resident
            order by stated_at desc, _batch_id desc, health_system desc
        ) as recency
    from statements
),

counted as (
    select
        resident,
        count(distinct case when visits = 1 then health_system end)
            as health_systems,
        cast(sum(visits) as bigint) as visits
    from statements
    group by resident
),

final as (
    select
        {{ natural_key(['ranked.resident']) }} as health_resident_id,
        ranked.resident as resident_pseudonym,
        ranked.sex,
        ranked.birth_band,
        {{ natural_key(['ranked.town_code']) }} as place_id,
        ranked.town_code,
        counted.health_systems,
        counted.visits
    from ranked
    inner join counted on ranked.resident = counted.resident
    where ranked.recency = 1
)

select * from final
