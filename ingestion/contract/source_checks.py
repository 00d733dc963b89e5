"""Check the `source` of a contract: paths, URLs, times in them, and credentials, which must not be there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from ingestion.contract.extension import Citylake, JsonFormat
from ingestion.contract.health_formats import FhirFormat
from ingestion.contract.problem import KeyPath
from ingestion.contract.schedule import interval_problem, path_problem, repeats_an_hour, repeats_midnight
from ingestion.contract.sources import Database, FhirBulk, FileDrop, HttpFile, JsonApi, Sftp
from ingestion.values.hosts import declared_host

ALLOWED_HEADERS = ("accept", "accept-language", "user-agent", "referer")
"""Request headers a contract may set; a credential is a connection's."""

_SECRET = re.compile(r"token|secret|passw|api[_-]?key|appkey|app_key|signature|\bsig\b|\bkey\b|auth|credential", re.I)
_PARAM = re.compile(r"\{([^{}:]*)(?::([^{}]*))?\}")
_RESOURCE_TYPE = re.compile(r"[A-Z][A-Za-z]+")
_DIRECTIVES = set("YmdHMSjGVyzs%")

Finding = tuple[KeyPath, str]


def source_problems(citylake: Citylake) -> Iterator[Finding]:
    """Every finding with its key path below the citylake value."""
    source = citylake.source
    yield from _hours(citylake)
    if isinstance(source, FileDrop | Sftp):
        problem = path_problem(source.path, citylake.calendar.every)
        if problem:
            yield ("source", "path"), problem
        return
    if isinstance(source, FhirBulk) and not isinstance(citylake.format, FhirFormat):
        yield ("format", "type"), "connector fhir_bulk gives an export of FHIR resources: the format is fhir"
    if isinstance(source, FhirBulk):
        yield from _export(source, citylake)
    if isinstance(source, Database | FhirBulk):
        return
    yield from _url(source, citylake)
    for name in source.headers:
        if name.lower() not in ALLOWED_HEADERS:
            yield ("source", "headers", name), f"not a header a contract sets; allowed: {', '.join(ALLOWED_HEADERS)}"
    yield from _redirects(source)
    if isinstance(source, JsonApi):
        yield from _api(source, citylake)


def _export(source: FhirBulk, citylake: Citylake) -> Iterator[Finding]:
    """An export asks for resource types once each, and a snapshot's for all resources, whenever they changed."""
    for index, name in enumerate(source.types):
        if not _RESOURCE_TYPE.fullmatch(name):
            yield ("source", "types", index), f"{name!r} is not a resource type such as Patient"
        elif source.types.index(name) < index:
            yield ("source", "types", index), f"{name!r} is listed twice"
    if source.since and citylake.delivery == "snapshot":
        yield ("source", "since"), "a snapshot is everything the server has: `since: false`"
    if not source.since and citylake.delivery != "snapshot":
        yield ("source", "since"), "an export of everything is a snapshot: an interval's asks for what changed since"


def _redirects(source: HttpFile | JsonApi) -> Iterator[Finding]:
    if source.connection is not None and source.redirect_hosts:
        yield ("source", "redirect_hosts"), f"belong to the connection: `redirect_hosts` of {source.connection!r}"
    for index, name in enumerate(source.redirect_hosts):
        try:
            declared_host(name)
        except ValueError as error:
            yield ("source", "redirect_hosts", index), str(error)


def _hours(citylake: Citylake) -> Iterator[Finding]:
    """Refuse local times that are ambiguous where clocks are set back.

    An hour that occurs twice would be requested twice and the other one never; for a day with two midnights an hour too
    many or too few would be requested.
    """
    calendar, source = citylake.calendar, citylake.source
    by_hour = calendar.every == "hour"
    if not (repeats_an_hour if by_hour else repeats_midnight)(calendar.timezone, calendar.start):
        return
    if isinstance(source, JsonApi):
        if source.time == "local" and not all(_is_unambiguous(form, by_hour) for form in _time_formats(source)):
            yield ("source", "time"), f"clocks in {calendar.timezone} go back: hours need `utc`, or %z in every time"
        return
    if by_hour:
        yield (
            ("calendar", "timezone"),
            f"clocks in {calendar.timezone} go back, and two hours have one name: an hourly calendar needs a zone "
            "without clock changes, such as UTC or Asia/Shanghai",
        )


def _time_formats(source: JsonApi) -> list[str]:
    return [form for value in source.params.values() for _, form in _PARAM.findall(value)]


def _is_unambiguous(form: str, by_hour: bool) -> bool:
    """Whether a time in this strftime format is unambiguous; a date without time is, except for hourly intervals."""
    given = set(re.findall(r"%(.)", form))
    return bool(given & {"z", "s"}) or not (by_hour or given & set("HMS"))


def _url(source: HttpFile | JsonApi, citylake: Citylake) -> Iterator[Finding]:
    here: KeyPath = ("source", "url")
    parts = urlsplit(re.sub(r"\{[^{}]*\}", "0", source.url))
    if parts.scheme and (parts.scheme not in ("http", "https") or not parts.netloc):
        yield here, "must be http:// or https://, or relative to the connection's base URL"
    elif not parts.scheme and (source.url.startswith(("/", "~")) or ".." in parts.path.split("/") or parts.netloc):
        yield here, "must be relative to the connection's base URL without a leading `/` and without `..`"
    elif not parts.scheme and source.connection is None:
        yield ("source", "connection"), "required key is missing: a relative url is relative to a connection"
    if "@" in parts.netloc:
        yield here, "holds a login; logins belong to the connection"
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if _SECRET.search(name):
            yield here, f"parameter {name!r} looks like a credential; credentials belong to the connection"
    if parts.fragment:
        yield here, "has a fragment (`#…`), which is never sent"
    if isinstance(source, HttpFile) and not (citylake.delivery == "snapshot" and "{" not in source.url):
        problem = interval_problem(source.url, citylake.calendar.every)
        if problem:
            yield here, problem


def _api(source: JsonApi, citylake: Citylake) -> Iterator[Finding]:
    if "{" in source.url:
        yield ("source", "url"), "times of the interval go into `params`, as {start:…} and {end:…}"
    spec = citylake.format
    if not (isinstance(spec, JsonFormat) and spec.type == "json"):
        yield ("format", "type"), "connector json_api gives pages of JSON: the format is json, with `records`"
    for name, value in source.params.items():
        here: KeyPath = ("source", "params", name)
        if _SECRET.search(name):
            yield here, "looks like a credential; credentials belong to the connection"
        problem = _template(value)
        if problem:
            yield here, problem
    taken = [p for p in (source.paging.parameter, source.paging.size_parameter) if p is not None and p in source.params]
    for name in taken:
        yield ("source", "params", name), "is set by `paging`"
    if citylake.delivery != "snapshot" and not any("{start" in value for value in source.params.values()):
        yield ("source", "params"), "no parameter says which interval is asked for: one needs {start:<strftime>}"


def _template(value: str) -> str | None:
    rest = _PARAM.sub("", value)
    if "{" in rest or "}" in rest:
        return "has a brace that is not {start:…} or {end:…}"
    for name, form in _PARAM.findall(value):
        if name not in ("start", "end"):
            return f"{{{name}}} is not known; allowed: {{start:<strftime>}}, {{end:<strftime>}}"
        unknown = [f"%{d}" for d in re.findall(r"%(.)", form) if d not in _DIRECTIVES]
        if unknown or not form:
            return f"{{{name}:…}} needs a strftime form" + (f"; {', '.join(unknown)} is not one" if unknown else "")
    return None
