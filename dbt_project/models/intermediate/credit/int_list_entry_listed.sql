with

entries as (
    select *
    from {{ ref('stg_fgj__credit_list_entries') }}
    where {{ only_affected_days('list_date') }}
),

final as (
    select
        {{ natural_key(['list_code', 'uscc', 'list_date', '_batch_id']) }}
            as list_entry_id,
        list_code,
        list_name,
        list_kind,
        uscc,
        party_name,
        listed_date,
        basis,
        authority,
        authority_code,
        list_date,
        _batch_id,
        _loaded_at
    from entries
)

select * from final
