with

hours as (
    select * from {{ ref('stg_qxj__station_hours') }}
),

places as (
    select * from {{ ref('int_station_place_matched') }}
),

timed as (
    select
        *,
        {{ local_timestamp('observed_at') }} as observed_local
    from hours
),

final as (
    select
        {{ natural_key([
            'timed.station_code',
            'timed.observed_local',
        ]) }} as weather_hour_id,
        {{ natural_key(['timed.station_code']) }} as weather_station_id,
        case
            when places.town_code is not null
                then {{ natural_key(['places.town_code']) }}
        end as place_id,
        timed.station_code,
        timed.station_name,
        places.town_code,
        timed.latitude_deg,
        timed.longitude_deg,
        timed.altitude_m,
        timed.observed_at,
        timed.observed_date,
        -- The meteorological day ends at 20:00 local time, that hour included.
        cast(timed.observed_local + interval 14399 second as date) as met_date,
        timed.pressure_hpa,
        timed.temperature_c,
        timed.humidity_pct,
        timed.precipitation_mm,
        timed.wind_direction_deg,
        timed.wind_speed_ms,
        timed.temperature_quality,
        timed.precipitation_quality,
        timed._batch_id,
        timed._loaded_at
    from timed
    left join places
        on
            timed.station_code = places.station_code
            and timed.station_name = places.station_name
            and timed.observed_date = places.observed_date
)

select * from final
