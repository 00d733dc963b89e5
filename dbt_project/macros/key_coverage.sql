{#
    How many rows of facts carry a key that its dimension knows: one row a line {department_code, feed, conformed_key, rows,
    resolved, unresolved, resolved_by_code, resolved_by_name}; a resolved row that is neither is by another number. A line:

        [department, feed, key, facts]                     the key came with the row, as a code
        [department, feed, key, facts, method]             the fact's column `method` says how it was found
        [department, feed, key, facts, method, via, on]    the CTE `via` holds key and method, one row an `on`

    All names are CTEs of the model: `facts` every row of the fact, with the column `<key>_id` unless it is found `via`;
    `<key>s` the ids the dimension has, each once. Rows are counted before anything is joined, so that a join that
    loses or repeats some shows as a difference to resolved and unresolved.
#}
{% macro key_coverage(lines) -%}
    {%- for line in lines -%}
        {%- set department, feed, key, facts = line[:4] -%}
        {%- set via = line[5] if line | length > 5 else facts -%}
        {%- set known = key ~ 's.' ~ key ~ '_id' -%}
        {%- set method = via ~ '.' ~ line[4] if line | length > 4 else "'code'" -%}
        {{ ' union all ' if not loop.first }}
        select
            '{{ department }}' as department_code,
            '{{ department }}.{{ feed }}' as feed,
            '{{ key }}' as conformed_key,
            (select count(*) from {{ facts }}) as rows,
            count({{ known }}) as resolved,
            count(*) - count({{ known }}) as unresolved,
            count(case when {{ method }} in ('code', 'uscc') then {{ known }} end) as resolved_by_code,
            count(case when {{ method }} = 'name' then {{ known }} end) as resolved_by_name
        from {{ facts }}
        {%- if via != facts %}
        left join {{ via }} on {{ facts }}.{{ line[6] }} = {{ via }}.{{ line[6] }}
        {%- endif %}
        left join {{ key }}s on {{ via }}.{{ key }}_id = {{ known }}
    {%- endfor -%}
{%- endmacro %}
