{#
    Counts of cells and of their totals with those left out that would show fewer than `k` people: a relation
    {by…, cell, count, total, is_suppressed, is_total_suppressed}, made from a CTE that holds all cells of each total.

        closed as (select disease_code, week, town_code, cases from ...),
        shown as ({{ suppress_small_cells('closed', by=['disease_code', 'week'], cell='town_code', count='cases') }})

    `by` names the columns of one total, `cell` what divides it, `count` the number of people. Where a count is left out it
    is null. Every cell must be there, those with 0 too: zeros are shown, and an absent cell would be known by difference.

    The rule (docs/adr/0041): cells of 1 to k-1 are left out. A reader who knows the total knows the sum s of the n cells
    left out, and that each is at least 1: the largest a cell can be is s - (n - 1). It must reach k, s >= n + k - 1, and
    the cells must not all be k - 1, which who knows this rule would tell from s = n * (k - 1). Else the smallest other
    cell above 0 is left out too, with every cell of the same size, so that no code decides which one it is. That is
    always enough, as each adds k or more to s and one to n. Where there is no such cell, the total is left out.
#}
{% macro suppress_small_cells(cells, by, cell, count, k=5) -%}
    with small as (
        select
            {{ by | join(', ') }},
            {{ cell }},
            {{ count }},
            {{ count }} between 1 and {{ k - 1 }} as is_small,
            cast(sum({{ count }}) over whole as bigint) as total,
            max({{ count }}) over whole as largest,
            min(case when {{ count }} >= {{ k }} then {{ count }} end) over whole
                as complement,
            sum(case when {{ count }} < {{ k }} then {{ count }} else 0 end) over whole as small_sum,
            sum(case when {{ count }} between 1 and {{ k - 1 }} then 1 else 0 end) over whole as small_cells
        from {{ cells }}
        window whole as (partition by {{ by | join(', ') }})
    ),

    judged as (
        select
            *,
            small_cells > 0 and (
                small_sum < small_cells + {{ k - 1 }}
                or small_sum = small_cells * {{ k - 1 }}
            ) as is_derivable
        from small
    ),

    chosen as (
        select
            *,
            is_small or (is_derivable and coalesce({{ count }} = complement, false)) as is_suppressed,
            is_derivable and largest < {{ k }} as is_total_suppressed
        from judged
    )

    select
        {{ by | join(', ') }},
        {{ cell }},
        case when not is_suppressed then {{ count }} end as {{ count }},
        case when not is_total_suppressed then total end as total,
        is_suppressed,
        is_total_suppressed
    from chosen
{%- endmacro %}
