with

south_bend as (
    select
        'South Bend' as city,
        licence_no,
        make_date(licence_year, 1, 1) as term_start_date,
        licence_type,
        business_name,
        status as licence_status
    from {{ ref('stg_southbend__licences') }}
),

chicago as (
    select
        'Chicago' as city,
        licence_no,
        term_start_date,
        licence_description as licence_type,
        legal_name as business_name,
        licence_status
    from {{ ref('stg_chicago__licences') }}
),

final as (
    select * from south_bend
    union all
    select * from chicago
)

select * from final
