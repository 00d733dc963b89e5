with

trips as (
    select * from {{ ref('stg_soundtransit__trips') }}
),

stop_times as (
    select * from {{ ref('stg_soundtransit__stop_times') }}
),

final as (
    select
        trips.route_id,
        count(distinct trips.trip_id) as trips,
        count(*) as stop_times,
        count(case when stop_times.arrival_seconds >= 86400 then 1 end) as stop_times_after_midnight,
        max(stop_times.arrival_seconds) as last_arrival_seconds
    from stop_times
    inner join trips on stop_times.trip_id = trips.trip_id
    group by trips.route_id
)

select * from final
