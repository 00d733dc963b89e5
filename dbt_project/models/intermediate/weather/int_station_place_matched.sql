with

hours as (
    select * from {{ ref('stg_qxj__station_hours') }}
),

towns as (
    select * from {{ ref('dim_place') }}
),

exceptions as (
    select * from {{ ref('ref_station_town') }}
),

stations as (
    select distinct
        station_code,
        station_name,
        observed_date
    from hours
),

-- Stations carry the name of their town; the town of that day is meant.
named as (
    select
        stations.station_code,
        stations.station_name,
        stations.observed_date,
        min(towns.town_code) as town_code
    from stations
    inner join towns
        on
            -- `||`, since a null name must match nothing; concat would skip the null.
            (
                stations.station_name like '%' || towns.short_name_zh || '%'
                or stations.station_name like '%' || towns.other_name_zh || '%'
            )
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
    select
        stations.station_code,
        stations.station_name,
        stations.observed_date,
        coalesce(exceptions.town_code, named.town_code) as town_code
    from stations
    left join named
        on
            stations.station_code = named.station_code
            and stations.station_name = named.station_name
            and stations.observed_date = named.observed_date
    left join exceptions
        on
            stations.station_code = exceptions.station_code
            and stations.observed_date >= exceptions.valid_from
            and (
                exceptions.valid_to is null
                or stations.observed_date < exceptions.valid_to
            )
)

select * from final
