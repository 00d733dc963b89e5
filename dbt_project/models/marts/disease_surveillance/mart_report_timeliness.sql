with

cases as (
    select * from {{ ref('fct_notifiable_case') }}
),

counted as (
    select
        coalesce(first_managed_as, 'unknown') as managed_as,
        facility_code,
        cast(date_trunc('month', diagnosed_date) as date) as diagnosed_month,
        count(*) as cards,
        cast(sum(case when is_on_time then 1 else 0 end) as bigint) as on_time_cards,
        cast(sum(case when not is_on_time then 1 else 0 end) as bigint) as late_cards,
        cast(sum(case when is_on_time is null then 1 else 0 end) as bigint)
            as unknown_cards,
        cast(sum(case when report_within_h = 2 then 1 else 0 end) as bigint)
            as two_hour_cards,
        cast(
            sum(case when report_within_h = 2 and not is_on_time then 1 else 0 end)
            as bigint
        ) as late_two_hour_cards,
        count(report_delay_h) as timed_cards,
        cast(median(report_delay_h) as decimal(12, 4)) as median_delay_h,
        cast(ceil(max(report_delay_h)) as integer) as highest_delay_h
    from cases
    group by
        coalesce(first_managed_as, 'unknown'),
        facility_code,
        cast(date_trunc('month', diagnosed_date) as date)
),

final as (
    select
        {{ natural_key(['managed_as', 'facility_code', 'diagnosed_month']) }}
            as report_timeliness_id,
        managed_as,
        facility_code,
        diagnosed_month,
        cards,
        on_time_cards,
        late_cards,
        unknown_cards,
        two_hour_cards,
        late_two_hour_cards,
        case
            when on_time_cards + late_cards > 0
                then
                    cast(
                        on_time_cards * 1.0 / (on_time_cards + late_cards)
                        as decimal(9, 6)
                    )
        end as on_time_rate,
        -- Of fewer cards they would be the hours of one card.
        case when timed_cards >= 5 then median_delay_h end as median_delay_h,
        case when timed_cards >= 5 then highest_delay_h end as highest_delay_h
    from counted
)

select * from final
