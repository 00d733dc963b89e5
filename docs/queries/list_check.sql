-- 名单核查 · Was an organisation on a list on a day, since when and until when? One row for each of its memberships that
-- held on the day; one row with is_sanctioned = false where none did. Change the two values of `asked`.
--
-- The organisation is found by its credit code, also by one it had earlier. `valid_to_date` is the first day no longer on
-- the list; it is null while it is on the newest one. A day before the first list the lake has is answered by the day of
-- listing that the list itself states.
with

asked as (
    select
        '91442000MA4W000110' as uscc,
        date '2026-03-04' as on_date
),

organisation as (
    select
        asked.uscc,
        asked.on_date,
        found.organisation_id
    from asked
    left join dim_organisation_identifier as found
        on
            found.identifier_kind = 'uscc'
            and asked.uscc = found.identifier
)

select
    organisation.uscc,
    organisation.on_date,
    coalesce(listed.list_kind = '失信惩戒', false) as is_sanctioned,
    listed.list_kind,
    listed.list_name,
    listed.authority,
    listed.basis,
    listed.valid_from_date,
    listed.valid_to_date
from organisation
left join fct_list_membership as listed
    on
        (
            organisation.uscc = listed.uscc
            or organisation.organisation_id = listed.organisation_id
        )
        and organisation.on_date >= listed.valid_from_date
        and (
            listed.valid_to_date is null
            or organisation.on_date < listed.valid_to_date
        )
order by is_sanctioned desc, listed.list_name
