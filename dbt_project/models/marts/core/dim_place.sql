with

towns as (
    select * from {{ ref('ref_town') }}
),

final as (
    select
        {{ natural_key(['town_code', 'valid_from']) }} as place_version_id,
        {{ natural_key(['town_code']) }} as place_id,
        town_code,
        name_zh,
        short_name_zh,
        other_name_zh,
        name_en,
        level as place_level,
        valid_from as valid_from_date,
        valid_to as valid_to_date,
        valid_to is null as is_current,
        successor_code as successor_town_code,
        case
            when successor_code is not null
                then {{ natural_key(['successor_code']) }}
        end as successor_place_id,
        source as reference_source
    from towns
)

select * from final
