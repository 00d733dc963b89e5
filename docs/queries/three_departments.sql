-- 跨部门查询 · Food inspections with the weather of their town and day and what credit said of the business on that day:
-- departments of food, market registration, weather and credit joined on organisation, town and date.
select
    inspection.inspected_date,
    organisation.entity_name,
    organisation.uscc,
    inspection.grade,
    inspection.is_passed,
    weather.temperature_max_c,
    weather.precipitation_mm,
    count(distinct sanction.list_membership_id) as sanctions_on_the_day,
    count(distinct penalty.penalty_id) as penalties_public_on_the_day
from fct_food_inspection as inspection
inner join dim_food_business as business
    on inspection.food_business_id = business.food_business_id
inner join mart_food_business_organisation as operator
    on business.food_business_id = operator.food_business_id
inner join dim_organisation as organisation
    on operator.organisation_id = organisation.organisation_id and organisation.is_current
left join mart_weather_daily as weather
    on
        business.town_code = weather.town_code
        and inspection.inspected_date = weather.met_date
left join fct_list_membership as sanction
    on
        organisation.organisation_id = sanction.organisation_id
        and sanction.list_kind = '失信惩戒'
        and inspection.inspected_date >= sanction.valid_from_date
        and (sanction.valid_to_date is null or inspection.inspected_date < sanction.valid_to_date)
left join fct_penalty as penalty
    on
        organisation.organisation_id = penalty.organisation_id
        and inspection.inspected_date >= penalty.publicity_start_date
        and inspection.inspected_date < penalty.publicity_end_date
group by all
order by sanctions_on_the_day desc, penalties_public_on_the_day desc, inspection.inspected_date desc, organisation.uscc
limit 20
