with

permits as (
    select * from {{ ref('stg_takamatsu__permits') }}
),

final as (
    select
        coalesce(business_type, '') as business_type,
        count(*) as permits,
        min(first_permitted_date) as earliest_first_permitted_date,
        max(valid_to_date) as latest_valid_to_date
    from permits
    group by coalesce(business_type, '')
)

select * from final
