{{
    config(
        materialized='incremental',
        incremental_strategy='affected_days',
        meta={'citylake': {
            'feeds': ['nyc311.requests'],
            'day_column': 'created_date',
        }}
    )
}}

with

requests as (
    select * from {{ ref('stg_nyc311__requests') }}
),

final as (
    select
        unique_key,
        agency,
        complaint_type,
        descriptor,
        status,
        borough,
        community_board,
        open_data_channel_type,
        created_at,
        _event_date as created_date,
        closed_at,
        longitude,
        latitude
    from requests
)

select * from final
