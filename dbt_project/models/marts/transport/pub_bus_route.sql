with

route_services as (
    select * from {{ ref('mart_route_service') }}
),

routes as (
    select * from {{ ref('dim_route') }}
),

spans as (
    select
        route_id,
        cast(sum(trips) as bigint) as scheduled_trips,
        max(stops) as stops,
        min(first_departure_time) as first_departure_time,
        max(last_departure_time) as last_departure_time
    from route_services
    group by route_id
),

final as (
    select
        routes.route_code,
        routes.route_short_name,
        routes.route_long_name,
        routes.route_mode,
        routes.agency_name,
        coalesce(spans.scheduled_trips, 0) as scheduled_trips,
        spans.stops,
        spans.first_departure_time,
        spans.last_departure_time
    from routes
    left join spans on routes.route_id = spans.route_id
)

select * from final
