with

services as (
    select * from {{ ref('stg_jtj__services') }}
),

exceptions as (
    select * from {{ ref('stg_jtj__service_exceptions') }}
),

exception_counts as (
    select
        service_code,
        cast(sum(case when exception_type = 1 then 1 else 0 end) as bigint)
            as added_days,
        cast(sum(case when exception_type = 2 then 1 else 0 end) as bigint)
            as removed_days
    from exceptions
    group by service_code
),

final as (
    select
        {{ natural_key(['services.service_code']) }} as transport_service_id,
        services.service_code,
        services.runs_monday,
        services.runs_tuesday,
        services.runs_wednesday,
        services.runs_thursday,
        services.runs_friday,
        services.runs_saturday,
        services.runs_sunday,
        services.start_date,
        services.end_date,
        coalesce(exception_counts.added_days, 0) as added_days,
        coalesce(exception_counts.removed_days, 0) as removed_days
    from services
    left join exception_counts
        on services.service_code = exception_counts.service_code
)

select * from final
