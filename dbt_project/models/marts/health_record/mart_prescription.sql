with

prescriptions as (
    select * from {{ ref('fct_prescription') }}
),

drugs as (
    select * from {{ ref('ref_drug') }}
),

monthly as (
    select
        cast(date_trunc('month', prescribed_date) as date) as prescribed_month,
        drug_code,
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
        {{ natural_key([
            'monthly.prescribed_month', 'monthly.drug_code', 'monthly.town_code'
        ]) }} as prescription_month_id,
        monthly.prescribed_month,
        monthly.drug_code,
        drugs.name_zh as drug_name,
        drugs.name_en as drug_name_en,
        case
            when monthly.town_code <> 'unknown'
                then {{ natural_key(['monthly.town_code']) }}
        end as place_id,
        monthly.town_code,
        monthly.prescription_lines,
        monthly.dispensed_lines,
        monthly.withdrawn_lines,
        monthly.quantity
    from monthly
    left join drugs on monthly.drug_code = drugs.drug_code
)

select * from final
