with

calls as (
    select * from {{ ref('fct_call') }}
),

offices as (
    select * from {{ ref('dim_office') }}
),

final as (
    select
        {{ natural_key(['offices.district', 'calls.called_date']) }}
            as district_day_id,
        offices.district,
        calls.called_date,
        count(*) as calls,
        cast(sum(calls.minutes) as bigint) as minutes
    from calls
    left join offices on calls.office_id = offices.office_id
    group by offices.district, calls.called_date
)

select * from final
