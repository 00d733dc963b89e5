with

terms as (
    select * from {{ ref('fct_licence_term') }}
),

final as (
    select
        city,
        licence_type,
        count(distinct licence_no) as licences,
        count(*) as terms,
        max(term_start_date) as last_term_start_date
    from terms
    group by city, licence_type
)

select * from final
