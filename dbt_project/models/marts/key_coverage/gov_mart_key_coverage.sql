with

known_organisations as (
    select * from {{ ref('dim_organisation') }}
),

known_places as (
    select * from {{ ref('dim_place') }}
),

licences as (
    select * from {{ ref('dim_food_business') }}
),

licence_organisations as (
    select * from {{ ref('mart_food_business_organisation') }}
),

inspections as (
    select * from {{ ref('fct_food_inspection') }}
),

complaints as (
    select * from {{ ref('fct_food_complaint') }}
),

station_hours as (
    select * from {{ ref('fct_weather_hourly') }}
),

incidents as (
    select * from {{ ref('fct_traffic_incident') }}
),

permits as (
    select * from {{ ref('fct_permit') }}
),

penalties as (
    select * from {{ ref('fct_penalty') }}
),

memberships as (
    select * from {{ ref('fct_list_membership') }}
),

organisations as (
    select distinct organisation_id
    from known_organisations
),

places as (
    select distinct place_id
    from known_places
),

entities as (
    select place_id
    from known_organisations
    where is_current
),

placed_incidents as (
    select
        case
            when town_code is not null then {{ natural_key(['town_code']) }}
        end as place_id
    from incidents
),

-- A natural person is no organisation and is not looked for.
permit_holders as (
    select
        organisation_id,
        resolved_by
    from permits
    where coalesce(party_kind, 'unknown') <> '自然人'
),

penalised as (
    select
        organisation_id,
        resolved_by
    from penalties
    where coalesce(party_kind, 'unknown') <> '自然人'
),

-- A line a feed and key, as the macro reads it.
lines as (
    {{ key_coverage([
        ['gsj', 'market_entity', 'place', 'entities'],
        ['syj', 'food_licence', 'place', 'licences'],
        ['syj', 'food_licence', 'organisation', 'licences',
         'resolved_by', 'licence_organisations', 'food_business_id'],
        ['syj', 'food_inspection', 'organisation', 'inspections',
         'resolved_by', 'licence_organisations', 'food_business_id'],
        ['syj', 'complaint', 'place', 'complaints'],
        ['syj', 'complaint', 'organisation', 'complaints',
         'resolved_by', 'licence_organisations', 'food_business_id'],
        ['qxj', 'wx_station_hourly', 'place', 'station_hours'],
        ['gaj', 'traffic_incident', 'place', 'placed_incidents'],
        ['fgj', 'admin_permit', 'organisation', 'permit_holders', 'resolved_by'],
        ['fgj', 'admin_penalty', 'organisation', 'penalised', 'resolved_by'],
        ['fgj', 'credit_list', 'organisation', 'memberships', 'resolved_by'],
    ]) }}
),

final as (
    select
        {{ natural_key(['feed', 'conformed_key']) }} as key_coverage_id,
        department_code,
        feed,
        conformed_key,
        rows,
        resolved,
        resolved_by_code,
        resolved - resolved_by_code - resolved_by_name as resolved_by_number,
        resolved_by_name,
        unresolved,
        case
            when rows > 0
                then cast(cast(resolved as decimal(18, 4)) / rows as decimal(5, 4))
        end as resolved_share
    from lines
)

select * from final
