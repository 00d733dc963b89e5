-- 四部门联查 · Food inspections with what credit said of the business on that day, how often the residents of its town went
-- to hospital, and the weather: departments of food, credit, health and weather joined on organisation, town and date.
-- Of health there are counts of a town and day; rows about residents are in no release that this query reads.
with

health as (
    select
        visited_date,
        town_code,
        sum(visits) as visits,
        sum(visits) filter (syndrome = 'gastrointestinal') as gastrointestinal_visits,
        sum(visits) filter (syndrome = 'respiratory') as respiratory_visits
    from mart_visit_daily
    group by visited_date, town_code
)

select
    inspection.inspected_date,
    place.name_zh as town_name,
    organisation.entity_name,
    organisation.uscc,
    inspection.is_passed,
    health.visits,
    health.gastrointestinal_visits,
    health.respiratory_visits,
    weather.temperature_max_c,
    weather.precipitation_mm,
    count(distinct sanction.list_membership_id) as sanctions_on_the_day
from fct_food_inspection as inspection
inner join dim_food_business as business
    on inspection.food_business_id = business.food_business_id
inner join dim_place as place
    on business.town_code = place.town_code and place.is_current
inner join mart_food_business_organisation as operator
    on business.food_business_id = operator.food_business_id
inner join dim_organisation as organisation
    on operator.organisation_id = organisation.organisation_id and organisation.is_current
left join fct_list_membership as sanction
    on
        organisation.organisation_id = sanction.organisation_id
        and sanction.list_kind = '失信惩戒'
        and inspection.inspected_date >= sanction.valid_from_date
        and (sanction.valid_to_date is null or inspection.inspected_date < sanction.valid_to_date)
left join health
    on
        business.town_code = health.town_code
        and inspection.inspected_date = health.visited_date
left join mart_weather_daily as weather
    on
        business.town_code = weather.town_code
        and inspection.inspected_date = weather.met_date
group by all
order by sanctions_on_the_day desc, health.gastrointestinal_visits desc nulls last, inspection.inspected_date desc,
    organisation.uscc
limit 20
