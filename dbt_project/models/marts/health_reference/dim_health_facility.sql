with

facilities as (
    select * from {{ ref('stg_wjj__health_facilities') }}
),

final as (
    select
        {{ natural_key(['facility_code']) }} as health_facility_id,
        facility_code,
        facility_name,
        facility_level,
        facility_kind,
        is_public = '是' as is_public,
        facility_kind = '社区卫生服务中心' or facility_level = '一级' as is_primary_care,
        health_system,
        {{ natural_key(['town_code']) }} as place_id,
        town_code,
        opened_date as valid_from_date,
        closed_date as valid_to_date,
        closed_date is null as is_current,
        address,
        phone,
        _batch_id,
        _loaded_at
    from facilities
)

select * from final
