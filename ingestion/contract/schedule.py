"""Check the time settings of a contract: cron expression, time zone, update cycle, `{interval:…}` in a path."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingestion.clocks import set_back
from ingestion.intervals import Step

_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 7))
_PART = re.compile(r"(?:\*|(\d+)(?:-(\d+))?)(?:/(\d+))?")
_INTERVAL = re.compile(r"\{interval:([^{}]*)\}")
_NEEDED: dict[Step, tuple[str, ...]] = {
    "hour": ("Y", "m d|j", "H"),
    "day": ("Y", "m d|j"),
    "week": ("Y m d|Y j|G V",),
    "month": ("Y", "m"),
    "quarter": ("Y", "m"),
    "year": ("Y",),
}
CYCLES: dict[Step, tuple[str, ...]] = {
    "hour": ("每小时", "实时"), "day": ("每日",), "week": ("每周",), "month": ("每月",), "quarter": ("每季度",),
    "year": ("每年",),
}  # fmt: skip
"""Values of 更新周期 (update cycle) for each calendar step; a draft uses the first one."""
IRREGULAR_CYCLES = ("不定期", "不更新")
_SLOWER = ("实时", "每小时", "每日", "每周", "每月", "每季度", "每半年", "每年")
_DIRECTIVES = "YymdHjGV"


def cron_problem(text: str) -> str | None:
    """What is wrong with a cron expression of five numeric fields, or None."""
    parts = text.split()
    if len(parts) != len(_FIELDS):
        return f"has {len(parts)} fields; a cron expression has 5: minute, hour, day of month, month, day of week"
    for part, (name, low, high) in zip(parts, _FIELDS, strict=True):
        if not all(_fits(item, low, high) for item in part.split(",")):
            return f"{part!r} is not a {name} ({low}-{high}, `*`, `a-b`, `*/n`, lists with commas)"
    return None


def _fits(item: str, low: int, high: int) -> bool:
    match = _PART.fullmatch(item)
    if not match:
        return False
    first, last, step = (None if group is None else int(group) for group in match.groups())
    bounds = [bound for bound in (first, last) if bound is not None]
    ordered = bounds == sorted(bounds)
    return ordered and all(low <= bound <= high for bound in bounds) and step != 0


def timezone_problem(name: str) -> str | None:
    """What is wrong with a time zone's name; None for an IANA time zone that this machine knows."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"{name!r} is not an IANA time zone such as Asia/Shanghai or UTC"
    return None


def repeats_an_hour(name: str, since: date) -> bool:
    """Whether some local hour occurs twice, because clocks are set back after `since`."""
    return not timezone_problem(name) and bool(set_back(name, since))


def repeats_midnight(name: str, since: date) -> bool:
    """Whether some day after `since` has two midnights, so that the local time of its beginning is ambiguous."""
    if timezone_problem(name):
        return False
    return any(
        first <= datetime.combine(day, time.min) < last
        for first, last in set_back(name, since)
        for day in {first.date(), last.date()}
    )


def cycle_problem(cycle: str, every: Step, *, on_change: bool) -> str | None:
    """How a catalogue's update cycle contradicts the calendar; None where they agree.

    With a calendar a delivery is due in every interval, so the cycle must be the calendar's or a faster one (a yearly
    file may be sent every day). A feed with `on_change`, for which none is due, has the cycle 不定期 or 不更新, or a
    slower one than its calendar.
    """
    own = CYCLES[every][0]
    if on_change:
        fits = cycle in IRREGULAR_CYCLES or _SLOWER.index(cycle) > _SLOWER.index(own)
        return None if fits else f"{cycle} with `on_change: true`, which owes nothing: 不定期, or no on_change"
    if cycle in IRREGULAR_CYCLES or _SLOWER.index(cycle) > _SLOWER.index(own):
        return (
            f"{cycle} disagrees with the calendar, which owes a delivery every {every}: {own}; where the source sends "
            "when something changes, `on_change: true`"
        )
    return None


def path_problem(path: str, every: Step) -> str | None:
    """What is wrong with a file-drop path: it must be relative, with one `{interval:…}` unique for every interval."""
    if path.startswith(("/", "~")) or "\\" in path or ".." in path.split("/"):
        return "must be relative to the drop folder, with `/` and without `..`"
    return interval_problem(path, every)


def interval_problem(path: str, every: Step) -> str | None:
    """What is wrong with the `{interval:…}` of a path or URL: there must be one, different for every interval."""
    found = _INTERVAL.findall(path)
    if len(found) != 1 or path.count("{") != 1:
        return f"needs exactly one {{interval:<strftime>}}, has {len(found)}"
    directives = re.findall(r"%(.)", found[0])
    unknown = [f"%{d}" for d in directives if d not in _DIRECTIVES]
    if unknown:
        return f"{', '.join(unknown)} is not allowed in {{interval:…}}; allowed: " + ", ".join(
            f"%{d}" for d in _DIRECTIVES
        )
    given = {"Y" if d == "y" else d for d in directives}
    for need in _NEEDED[every]:
        if not any(set(alternative.split()) <= given for alternative in need.split("|")):
            return f"does not tell one {every} from the next: {{interval:…}} lacks %{need.split('|')[0].split()[0]}"
    return None
