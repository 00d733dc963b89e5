with

companies as (
    select * from {{ ref('stg_companieshouse__companies') }}
),

entities as (
    select * from {{ ref('stg_gleif__entities') }}
),

chicago as (
    select * from {{ ref('stg_chicago__licences') }}
),

south_bend as (
    select * from {{ ref('stg_southbend__licences') }}
),

-- A name holds from the change before it: the date beside a former name is the day it was given up.
company_names as (
    select
        company_number,
        company_name as entity_name,
        company_status,
        coalesce(previous_name_1_condate, incorporation_date) as recorded_date
    from companies
    {%- for n in range(1, 11) %}
    union all
    select
        company_number,
        previous_name_{{ n }}_company_name as entity_name,
        company_status,
        {{ 'coalesce(previous_name_' ~ (n + 1) ~ '_condate, incorporation_date)' if n < 10 else 'incorporation_date' }}
            as recorded_date
    from companies
    where previous_name_{{ n }}_company_name is not null
    {%- endfor %}
),

states as (
    select
        'companieshouse' as register,
        company_number as entity_no,
        company_number as registration_no,
        entity_name,
        company_status as status,
        recorded_date,
        cast(null as date) as approved_date,
        '' as line_no,
        cast(null as varchar) as trade_name
    from company_names
    union all
    select
        'gleif' as register,
        lei as entity_no,
        lei as registration_no,
        legal_name as entity_name,
        entity_status as status,
        cast(timezone('UTC', last_updated_at) as date) as recorded_date,
        cast(timezone('UTC', initial_registered_at) as date) as approved_date,
        '' as line_no,
        cast(null as varchar) as trade_name
    from entities
    union all
    select
        'chicago' as register,
        cast(account_number as varchar) as entity_no,
        cast(licence_no as varchar) as registration_no,
        legal_name as entity_name,
        licence_status as status,
        term_start_date as recorded_date,
        cast(null as date) as approved_date,
        term_id as line_no,
        doing_business_as_name as trade_name
    from chicago
    union all
    -- No number of the business is published: its name is, in capitals in some years and not in others.
    select
        'southbend' as register,
        upper(regexp_replace(trim(business_name), '\s+', ' ', 'g')) as entity_no,
        licence_no as registration_no,
        business_name as entity_name,
        status,
        make_date(licence_year, 1, 1) as recorded_date,
        cast(null as date) as approved_date,
        licence_no as line_no,
        cast(null as varchar) as trade_name
    from south_bend
),

final as (
    select
        {{ natural_key(['register', 'entity_no']) }} as organisation_id,
        register,
        entity_no,
        registration_no,
        entity_name,
        status,
        recorded_date,
        approved_date,
        line_no,
        trade_name
    from states
)

select * from final
