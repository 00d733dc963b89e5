{#
    The area of integrity of a decision: of a natural person society, of an organ of government (a code that begins with
    11) government, else the area of the authority; commerce where nobody knows the authority.
    Arguments: relations with `party_kind` and `uscc`, and with `area_code`.
#}
{% macro credit_area(party, authority) -%}
    case
        when {{ party }}.party_kind = '自然人' then 'society'
        when {{ party }}.uscc like '11%' then 'government'
        else coalesce({{ authority }}.area_code, 'commerce')
    end
{%- endmacro %}
