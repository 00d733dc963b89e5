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

-- What is known counts before what a later statement leaves out.
ranked as (
    select
        *,
        row_number() over (
            partition by resident
            order by
                case when coalesce(sex, 'unknown') = 'unknown' then 1 else 0 end,
                stated_at desc,
                _batch_id desc,
                health_system desc
        ) as sex_recency,
        row_number() over (
            partition by resident
            order by
                case when birth_band is null then 1 else 0 end,
                stated_at desc,
                _batch_id desc,
                health_system desc
        ) as birth_band_recency,
        row_number() over (
            partition by resident
            order by
                case when town_code is null then 1 else 0 end,
                stated_at desc,
                _batch_id desc,
                health_system desc
        ) as town_recency
    from statements
),

residents as (
    select
        resident,
        coalesce(max(case when sex_recency = 1 then sex end), 'unknown') as sex,
        max(case when birth_band_recency = 1 then birth_band end) as birth_band,
        max(case when town_recency = 1 then town_code end) as town_code,
        count(distinct case when visits = 1 then health_system end)
            as health_systems,
        cast(sum(visits) as bigint) as visits
    from ranked
    group by resident
),

final as (
    select
        {{ natural_key(['resident']) }} as health_resident_id,
        resident as resident_pseudonym,
        sex,
        birth_band,
        case
            when town_code is not null then {{ natural_key(['town_code']) }}
        end as place_id,
        town_code,
        health_systems,
        visits
    from residents
)

select * from final
