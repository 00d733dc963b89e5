{#
    The key of a party as it was reported: its kind, name and identifiers. `int_credit_party_resolved` says once for each
    which organisation it is and whether it may be shown to everybody.
#}
{% macro party_key() -%}
    {{ natural_key([
        'party_kind', 'party_name', 'uscc', 'registration_no', 'organisation_code', 'tax_no'
    ]) }}
{%- endmacro %}
