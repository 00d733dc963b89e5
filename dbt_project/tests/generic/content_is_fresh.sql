{#
    Content, not load time: some row's `day_column` lies within `within_days` before the run's
    as-of day (at most one day after it). For a snapshot give `feed`: its newest content as-of
    counts. Only recent days are read. One row where nothing is fresh.
#}
{% test content_is_fresh(model, within_days, day_column=none, feed=none) %}

with recent as (
    {% if day_column %}
    select count(*) as found
    from {{ model }}
    where {{ day_column }} between {{ as_of() }} - {{ within_days }} and {{ as_of() }} + 1
    {% else %}
    select count(*) as found
    from _citylake.effective_file
    where
        feed = '{{ feed }}'
        and cast({{ local_timestamp('content_as_of') }} as date)
        between {{ as_of() }} - {{ within_days }} and {{ as_of() }} + 1
        and exists (select 1 from {{ model }})
    {% endif %}
)

select *
from recent
where found = 0

{% endtest %}
