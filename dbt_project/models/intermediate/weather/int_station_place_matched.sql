with

hours as (
    select * from {{ ref('stg_qxj__station_hours') }}
),

towns as (
    select * from {{ ref('dim_place') }}
),

stations as (
    select distinct
        station_code,
        station_name,
        observed_date
    from hours
),

-- Stations carry the name of their town; the town of that day is meant.
matched as (
    select
        stations.station_code,
        stations.station_name,
        stations.observed_date,
        min(towns.town_code) as town_code
    from stations
    inner join towns
        on
            stations.station_name like concat('%', towns.short_name_zh, '%')
            and stations.observed_date >= towns.valid_from_date
            and (
                towns.valid_to_date is null
                or stations.observed_date < towns.valid_to_date
            )
    group by
        stations.station_code,
        stations.station_name,
        stations.observed_date
),

final as (
    select * from matched
)

select * from final
