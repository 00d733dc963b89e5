with

stop_events as (
    select * from {{ ref('fct_scheduled_stop_event') }}
),

routes as (
    select * from {{ ref('dim_route') }}
),

trips as (
    select
        route_id,
        service_code,
        direction,
        trip_code,
        min(departure_seconds) as first_departure_seconds,
        max(arrival_seconds) as last_arrival_seconds,
        count(*) as stop_events
    from stop_events
    group by route_id, service_code, direction, trip_code
),

stops_served as (
    select
        route_id,
        service_code,
        count(distinct stop_id) as stops
    from stop_events
    group by route_id, service_code
),

services as (
    select
        route_id,
        service_code,
        count(*) as trips,
        cast(sum(stop_events) as bigint) as stop_events,
        min(first_departure_seconds) as first_departure_seconds,
        max(first_departure_seconds) as last_departure_seconds,
        max(last_arrival_seconds) as last_arrival_seconds
    from trips
    group by route_id, service_code
),

final as (
    select
        {{ natural_key(['routes.route_code', 'services.service_code']) }}
            as route_service_id,
        services.route_id,
        routes.route_code,
        routes.route_short_name,
        routes.route_mode,
        services.service_code,
        services.trips,
        stops_served.stops,
        services.stop_events,
        services.first_departure_seconds,
        services.last_departure_seconds,
        services.last_arrival_seconds,
        {{ service_time('services.first_departure_seconds') }} as first_departure_time,
        {{ service_time('services.last_departure_seconds') }} as last_departure_time,
        services.last_arrival_seconds >= 86400 as is_overnight
    from services
    inner join routes on services.route_id = routes.route_id
    inner join stops_served
        on
            services.route_id = stops_served.route_id
            and services.service_code = stops_served.service_code
)

select * from final
