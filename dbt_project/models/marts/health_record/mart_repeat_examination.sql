with

exams as (
    select *
    from {{ ref('fct_exam_share') }}
    where is_counted
),

final as (
    select
        {{ natural_key(['examined_date', 'item_code']) }} as exam_day_id,
        examined_date,
        item_code,
        count(*) as reports,
        count(case when not is_recognised then 1 end) as examinations,
        count(case when is_recognised then 1 end) as recognised,
        count(case when is_repeated then 1 end) as repeated,
        count(case when is_avoided then 1 end) as avoided,
        cast(
            count(case when is_repeated then 1 end) * 1.0
            / nullif(count(case when not is_recognised then 1 end), 0)
            as decimal(9, 6)
        ) as repeated_share
    from exams
    group by examined_date, item_code
)

select * from final
