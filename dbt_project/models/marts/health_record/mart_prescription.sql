with

prescriptions as (
    select * from {{ ref('fct_prescription') }}
),

monthly as (
    select
        cast(date_trunc('month', prescribed_date) as date) as prescribed_month,
        drug_code,
        max(drug_name) as drug_name,
        coalesce(town_code, 'unknown') as town_code,
        count(*) as prescription_lines,
        count(case when prescription_status = 'dispensed' then 1 end)
            as dispensed_lines,
        count(case when prescription_status = 'withdrawn' then 1 end)
            as withdrawn_lines,
        cast(
            sum(case when prescription_status <> 'withdrawn' then quantity end)
            as decimal(18, 2)
        ) as quantity
    from prescriptions
    group by
        cast(date_trunc('month', prescribed_date) as date),
        drug_code,
        coalesce(town_code, 'unknown')
),

final as (
    select
        {{ natural_key(['prescribed_month', 'drug_code', 'town_code']) }}
            as prescription_month_id,
        prescribed_month,
        drug_code,
        drug_name,
        case
            when town_code <> 'unknown' then {{ natural_key(['town_code']) }}
        end as place_id,
        town_code,
        prescription_lines,
        dispensed_lines,
        withdrawn_lines,
        quantity
    from monthly
)

select * from final
