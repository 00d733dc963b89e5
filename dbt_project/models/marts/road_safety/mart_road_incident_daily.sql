with

incidents as (
    select *
    from {{ ref('fct_traffic_incident') }}
    where {{ only_affected_days('occurred_date') }}
),

final as (
    select
        {{ natural_key(['occurred_date', 'town_code']) }} as road_incident_day_id,
        occurred_date,
        {{ natural_key(['town_code']) }} as place_id,
        town_code,
        count(*) as incidents,
        cast(sum(vehicles) as bigint) as vehicles,
        cast(sum(injured) as bigint) as injured,
        count(cleared_at) as cleared
    from incidents
    group by occurred_date, town_code
)

select * from final
