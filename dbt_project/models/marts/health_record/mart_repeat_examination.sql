with

exams as (
    select *
    from {{ ref('fct_exam_share') }}
    where
        {{ only_affected_days('examined_date') }}
        and is_counted
),

final as (
    select
        {{ natural_key(['examined_date', 'item_code']) }} as exam_day_id,
        examined_date,
        item_code,
        count(*) as examinations,
        count(case when is_recognised then 1 end) as recognised,
        count(case when is_repeated then 1 end) as repeated,
        count(case when is_repeated and is_recognised then 1 end)
            as repeated_recognised,
        cast(
            count(case when is_repeated then 1 end) * 1.0 / count(*)
            as decimal(9, 6)
        ) as repeated_share
    from exams
    group by examined_date, item_code
)

select * from final
