with

penalties as (
    select * from {{ ref('fct_penalty') }}
),

final as (
    select
        penalty_id,
        doc_no,
        party_name,
        uscc,
        violation_kind,
        penalty_class,
        fine_wan,
        confiscated_wan,
        decision_date,
        authority,
        authority_code,
        publicity_start_date,
        publicity_end_date
    from penalties
    where
        is_publishable
        and {{ as_of() }} >= publicity_start_date
        and {{ as_of() }} < publicity_end_date
)

select * from final
