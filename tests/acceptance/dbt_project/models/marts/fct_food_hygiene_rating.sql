with

ratings as (
    select * from {{ ref('stg_fsa__ratings') }}
),

vocabulary as (
    select * from {{ ref('ref_food_rating') }}
),

final as (
    select
        ratings.fhrs_id,
        ratings.authority_code,
        ratings.business_name,
        ratings.business_type,
        ratings.postcode,
        ratings.scheme,
        ratings.rating_value,
        ratings.rating_date,
        vocabulary.outcome as rating_outcome,
        vocabulary.score as rating_score,
        ratings.hygiene_points,
        ratings.longitude,
        ratings.latitude
    from ratings
    left join vocabulary
        on
            ratings.scheme = vocabulary.scheme
            and ratings.rating_value = vocabulary.rating_value
)

select * from final
