with

profiles as (
    select * from {{ ref('mart_food_business_profile') }}
),

places as (
    select * from {{ ref('dim_place') }}
),

current_places as (
    select
        place_id,
        name_zh
    from places
    where is_current
),

final as (
    select
        profiles.licence_no,
        profiles.operator_name,
        profiles.business_kind,
        profiles.town_code,
        current_places.name_zh as town_name,
        profiles.licence_status,
        profiles.valid_to_date,
        profiles.last_inspected_date,
        profiles.last_grade,
        profiles.is_last_passed
    from profiles
    left join current_places on profiles.place_id = current_places.place_id
)

select * from final
