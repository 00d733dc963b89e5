{#
    The probability of `count` or more in one unit of time, where `total` were counted in `units` such units before: SQL,
    a double. The rate's posterior after a Poisson count under Jeffreys' prior is Gamma(total + 1/2, units), so that the next
    count is negative binomial with r = total + 1/2 and p = units / (units + 1) (Riebler 2004; Höhle 2007, Computational
    Statistics 22: 571-582, method `bayes`). Sums the counts below `count`: for counts of people, not for large numbers.
#}
{% macro count_exceedance(count, total, units) -%}
    (
        1.0 - coalesce(list_sum(list_transform(
            range(0, cast({{ count }} as bigint)),
            n -> exp(
                lgamma(n + {{ total }} + 0.5) - lgamma(n + 1) - lgamma({{ total }} + 0.5)
                + ({{ total }} + 0.5) * ln({{ units }} / ({{ units }} + 1.0))
                - n * ln({{ units }} + 1.0)
            )
        )), 0.0)
    )
{%- endmacro %}
