with

routes as (
    select * from {{ ref('stg_jtj__routes') }}
),

agencies as (
    select * from {{ ref('stg_jtj__agencies') }}
),

final as (
    select
        {{ natural_key(['routes.route_code']) }} as route_id,
        routes.route_code,
        routes.route_short_name,
        routes.route_long_name,
        routes.route_type,
        case routes.route_type
            when 3 then '公交'
            when 4 then '轮渡'
            else '其他'
        end as route_mode,
        routes.agency_code,
        agencies.agency_name
    from routes
    left join agencies on routes.agency_code = agencies.agency_code
)

select * from final
