with

closed_weeks as (
    select * from {{ ref('mart_notifiable_week_closed') }}
),

diseases as (
    select * from {{ ref('ref_notifiable_disease') }}
),

places as (
    select * from {{ ref('dim_place') }}
),

open_weeks as (
    select *
    from closed_weeks
    where is_shown
),

suppressed as (
    {{ suppress_small_cells(
        'open_weeks',
        by=['disease_code', 'week_start_date', 'closing_date'],
        cell='town_code',
        count='cases',
    ) }}
),

shown as (
    select
        disease_code,
        week_start_date,
        closing_date,
        town_code,
        cases,
        -- A share of a total that is left out would give the total back.
        case
            when cases is not null and total > 0
                then cast(round(cases * 100.0 / total) as integer)
        end as share_pct,
        is_suppressed
    from suppressed
    union all
    select distinct
        disease_code,
        week_start_date,
        closing_date,
        '442000' as town_code,
        total as cases,
        cast(null as integer) as share_pct,
        is_total_suppressed as is_suppressed
    from suppressed
),

disease_names as (
    select distinct
        disease_code,
        name_zh,
        name_en
    from diseases
),

town_names as (
    select distinct
        town_code,
        name_zh
    from places
),

final as (
    select
        {{ natural_key([
            'shown.disease_code', 'shown.town_code', 'shown.week_start_date'
        ]) }} as notifiable_week_id,
        shown.disease_code,
        disease_names.name_zh as disease_name_zh,
        disease_names.name_en as disease_name_en,
        shown.week_start_date,
        shown.closing_date,
        shown.town_code,
        case shown.town_code
            when '442000' then '全市'
            when 'unknown' then '市外或不详'
            else town_names.name_zh
        end as town_name,
        shown.cases,
        shown.share_pct,
        shown.is_suppressed
    from shown
    left join disease_names on shown.disease_code = disease_names.disease_code
    left join town_names on shown.town_code = town_names.town_code
)

select * from final
