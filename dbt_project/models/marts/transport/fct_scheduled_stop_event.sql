with

stop_times as (
    select * from {{ ref('stg_jtj__stop_times') }}
),

trips as (
    select * from {{ ref('stg_jtj__trips') }}
),

final as (
    select
        {{ natural_key([
            'stop_times.trip_code',
            'stop_times.stop_sequence',
        ]) }} as scheduled_stop_event_id,
        {{ natural_key(['trips.route_code']) }} as route_id,
        {{ natural_key(['stop_times.stop_code']) }} as stop_id,
        {{ natural_key(['trips.service_code']) }} as transport_service_id,
        stop_times.trip_code,
        trips.route_code,
        trips.service_code,
        trips.direction,
        stop_times.stop_sequence,
        stop_times.stop_code,
        stop_times.arrival_seconds,
        stop_times.departure_seconds,
        -- Seconds count from noon minus twelve hours; the service day passes midnight.
        stop_times.departure_seconds >= 86400 as is_after_midnight,
        stop_times._batch_id,
        stop_times._loaded_at
    from stop_times
    left join trips on stop_times.trip_code = trips.trip_code
)

select * from final
