with

states as (
    select * from {{ ref('int_market_entity_state') }}
),

entities as (
    select * from {{ ref('int_organisation_entity') }}
),

successors as (
    select * from {{ ref('int_organisation_successor') }}
),

exceptions as (
    select * from {{ ref('ref_uscc_exception') }}
),

versions as (
    {{ state_versions(
        'states',
        entity='entity_no',
        attributes=[
            'uscc',
            'registration_no',
            'organisation_code',
            'entity_name',
            'former_name',
            'entity_kind',
            'industry_code',
            'town_code',
            'registered_date',
            'status',
            'status_date',
            'successor_uscc',
            'capital_wan',
        ],
        recorded='updated_date',
        approved='approved_date',
        latest_by=['updated_at', '_batch_id'],
    ) }}
),

excepted as (
    select distinct
        versions.entity_no,
        versions.valid_from_date
    from versions
    inner join entities on versions.entity_no = entities.entity_no
    inner join exceptions
        on
            entities.uscc = exceptions.uscc
            and (
                exceptions.valid_to is null
                or versions.valid_from_date < exceptions.valid_to
            )
            and (
                versions.valid_to_date is null
                or versions.valid_to_date > exceptions.valid_from
            )
),

final as (
    select
        {{ natural_key(['versions.entity_no', 'versions.valid_from_date']) }}
            as organisation_version_id,
        entities.organisation_id,
        versions.entity_no,
        entities.uscc,
        versions.uscc as registered_uscc,
        {{ is_uscc('entities.uscc') }} as is_uscc_valid,
        excepted.entity_no is not null as is_uscc_exception,
        entities.is_code_conflict,
        versions.registration_no,
        versions.organisation_code,
        versions.entity_name,
        versions.former_name,
        versions.entity_kind,
        versions.industry_code,
        {{ natural_key(['versions.town_code']) }} as place_id,
        versions.town_code,
        versions.registered_date,
        versions.approved_date,
        versions.status,
        versions.status_date,
        versions.successor_uscc,
        case
            when versions.successor_uscc is not null
                then successors.successor_organisation_id
        end as successor_organisation_id,
        versions.capital_wan,
        versions.valid_from_date,
        versions.valid_to_date,
        versions.valid_to_date is null as is_current,
        versions.valid_to_date is null and entities.is_deleted as is_deleted,
        versions.updated_at,
        versions._batch_id,
        versions._loaded_at
    from versions
    inner join entities on versions.entity_no = entities.entity_no
    left join successors on entities.organisation_id = successors.organisation_id
    left join excepted
        on
            versions.entity_no = excepted.entity_no
            and versions.valid_from_date = excepted.valid_from_date
)

select * from final
