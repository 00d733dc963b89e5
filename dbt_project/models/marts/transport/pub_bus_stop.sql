with

stops as (
    select * from {{ ref('dim_stop') }}
),

stop_events as (
    select * from {{ ref('fct_scheduled_stop_event') }}
),

served as (
    select
        stop_id,
        count(distinct route_id) as routes,
        count(*) as scheduled_stop_events
    from stop_events
    group by stop_id
),

final as (
    select
        stops.stop_code,
        stops.stop_name,
        stops.latitude_deg,
        stops.longitude_deg,
        coalesce(served.routes, 0) as routes,
        coalesce(served.scheduled_stop_events, 0) as scheduled_stop_events
    from stops
    left join served on stops.stop_id = served.stop_id
)

select * from final
