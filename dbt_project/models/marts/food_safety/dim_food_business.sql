with

licences as (
    select * from {{ ref('stg_syj__food_licences') }}
),

final as (
    select
        {{ natural_key(['licence_no']) }} as food_business_id,
        licence_no,
        operator_name,
        uscc,
        case
            when uscc is not null then {{ natural_key(['uscc']) }}
        end as organisation_id,
        business_kind,
        licensed_items,
        address,
        {{ natural_key(['town_code']) }} as place_id,
        town_code,
        issued_date,
        valid_to_date,
        licence_status,
        _batch_id,
        _loaded_at
    from licences
)

select * from final
