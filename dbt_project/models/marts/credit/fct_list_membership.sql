with

sent as (
    select * from {{ ref('int_list_entry_listed') }}
),

identifiers as (
    select * from {{ ref('dim_organisation_identifier') }}
),

authorities as (
    select * from {{ ref('int_credit_authority_matched') }}
),

-- A list of a day that is sent again with a later interval says the same day once.
ranked as (
    select
        *,
        row_number() over (
            partition by list_code, uscc, list_date
            order by _batch_id desc
        ) as recency
    from sent
),

entries as (
    select * from ranked
    where recency = 1
),

-- Days on which lists came at all.
list_days as (
    select
        list_date,
        lead(list_date) over (order by list_date) as next_sent_date
    from entries
    group by list_date
),

sizes as (
    select
        entries.list_code,
        entries.list_date,
        list_days.next_sent_date,
        count(*) as members
    from entries
    inner join list_days on entries.list_date = list_days.list_date
    group by entries.list_code, entries.list_date, list_days.next_sent_date
),

-- The day a list is known again. A list that is not among those sent is missing and
-- says nothing of its members; one whose single member went has become empty.
known_days as (
    select
        list_code,
        list_date,
        case
            when members = 1 then next_sent_date
            else lead(list_date) over (
                partition by list_code
                order by list_date
            )
        end as next_list_date,
        lag(list_date) over (
            partition by list_code
            order by list_date
        ) as previous_list_date
    from sizes
),

-- A new island begins where the member was not on the list when it was last known,
-- unless it comes back with the day of listing it had: then its row was lost in between
-- (refused, or left out by mistake), and it was never taken off.
seen as (
    select
        entries.*,
        known_days.next_list_date,
        known_days.previous_list_date,
        lag(known_days.next_list_date) over (
            partition by entries.list_code, entries.uscc
            order by entries.list_date
        ) as expected_date,
        lag(entries.listed_date) over (
            partition by entries.list_code, entries.uscc
            order by entries.list_date
        ) as previous_listed_date
    from entries
    inner join known_days
        on
            entries.list_code = known_days.list_code
            and entries.list_date = known_days.list_date
),

numbered as (
    select
        *,
        sum(
            case
                when expected_date = list_date then 0
                when previous_listed_date = listed_date then 0
                else 1
            end
        ) over (
            partition by list_code, uscc
            order by list_date
            rows between unbounded preceding and current row
        ) as island
    from seen
),

islands as (
    select
        list_code,
        uscc,
        island,
        min(list_date) as first_list_date,
        max(list_date) as last_list_date,
        count(*) as list_entries
    from numbered
    group by list_code, uscc, island
),

-- What the first and the last entry of an island say.
bounds as (
    select
        islands.*,
        first_entry.listed_date,
        first_entry.previous_list_date,
        last_entry.next_list_date as valid_to_date,
        last_entry.list_name,
        last_entry.list_kind,
        last_entry.party_name,
        last_entry.basis,
        last_entry.authority,
        last_entry.authority_code
    from islands
    inner join numbered as first_entry
        on
            islands.list_code = first_entry.list_code
            and islands.uscc = first_entry.uscc
            and islands.first_list_date = first_entry.list_date
    inner join numbered as last_entry
        on
            islands.list_code = last_entry.list_code
            and islands.uscc = last_entry.uscc
            and islands.last_list_date = last_entry.list_date
),

final as (
    select
        {{ natural_key([
            'bounds.list_code', 'bounds.uscc', 'bounds.first_list_date'
        ]) }} as list_membership_id,
        identifiers.organisation_id,
        case when identifiers.organisation_id is not null then 'uscc' end
            as resolved_by,
        bounds.list_code,
        bounds.list_name,
        bounds.list_kind,
        bounds.uscc,
        bounds.party_name,
        -- The day of listing counts where it lies after the day on which the list was
        -- last known without the member; a list that was not sent hides it.
        case
            when
                bounds.listed_date <= bounds.first_list_date
                and (
                    bounds.previous_list_date is null
                    or bounds.listed_date > bounds.previous_list_date
                )
                then bounds.listed_date
            else bounds.first_list_date
        end as valid_from_date,
        bounds.valid_to_date,
        bounds.valid_to_date is null as is_current,
        bounds.listed_date,
        bounds.first_list_date,
        bounds.last_list_date,
        bounds.list_entries,
        bounds.basis,
        bounds.authority,
        bounds.authority_code,
        case
            when bounds.uscc like '11%' then 'government'
            else coalesce(authorities.area_code, 'commerce')
        end as area_code
    from bounds
    left join identifiers
        on
            identifiers.identifier_kind = 'uscc'
            and {{ identifier_text('bounds.uscc') }} = identifiers.identifier
    left join authorities on bounds.authority = authorities.authority
)

select * from final
