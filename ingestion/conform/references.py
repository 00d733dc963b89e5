"""SQL that gives FHIR references one form (R4, 2.3.0): `<server>/<type>/<id>`, or a conditional one.

Relative, absolute and `urn:` references to one resource become equal, so that they join; one below another server's
base URL stays that server's, in one spelling: `https`, the host in lower case, no default port, no doubled slash. The
version that a reference names (`/_history/3`) is left out. What is only known by an identifier becomes
`<server>/<type>?identifier=<system>|<value>`, unescaped: a conditional reference, a logical one (`{"identifier": …}`,
which `ingestion.parsers.json_paths` reads as a conditional one), or a resource's own identifier. A text that is no
reference to the declared type gives NULL, which breaks the rule `<column>.reference`; one that leads into its own
record (`#contained`) breaks `<column>.contained`.
"""

from __future__ import annotations

import re

from ingestion.contract.json_columns import form
from ingestion.contract.model import Column
from ingestion.sql import literal

_ID = "[A-Za-z0-9.-]{1,64}"
"""FHIR R4, 2.24.0.1, data type id."""
_BASE, _VERSION = r"(?:((?i:https?)://[^\s?#]+)/)?", f"(?:/_history/{_ID})?"
_URN = rf"urn:(?:uuid|oid):({_ID})"
_SITE = "^(?i:(?:http://([^/]*?)(?::80)?|https://([^/]*?)(?::443)?))(/.*)?$"
"""A base URL: its host and port, but for a default port, and its path."""


def is_reference(column: Column, text: str) -> str:
    """SQL: whether a text is a reference to the declared type, without making its one form."""
    reads = form(str(column.spec.path), column.spec)
    if reads == "identifier":
        return "true"
    pattern = _ID if reads == "id" else f"{_literal(str(column.spec.reference))}|{_URN}"
    return f"regexp_full_match({text}, {literal(pattern)})"


def _literal(kind: str) -> str:
    """The pattern of literal and conditional references to a type."""
    return rf"{_BASE}{kind}(?:/({_ID}){_VERSION}|\?identifier=([^&]+))"


def read_reference(column: Column, text: str, server: str) -> str:
    """SQL for the one form of a reference, from the sent text; NULL where it is none. `server` is the own base URL."""
    kind, own = str(column.spec.reference), literal(f"{server}/{column.spec.reference}")
    reads = form(str(column.spec.path), column.spec)
    if reads == "id":
        return f"case when regexp_full_match({text}, {literal(_ID)}) then {own} || '/' || {text} end"
    if reads == "identifier":
        system = column.spec.choose.equals if column.spec.choose else ""
        return f"{own} || {literal(f'?identifier={system}|')} || {text}"
    own_base = f"r.base = '' or {_site('r.base')} = {literal(_site_of(server))}"
    base = f"case when {own_base} then {literal(server)} else 'https://' || {_site('r.base')} end"
    # What is escaped in no way that gives text stays as it was sent.
    known = "coalesce(try(url_decode(r.identifier)), r.identifier)"
    what = f"case when r.id <> '' then '/' || r.id else '?identifier=' || {known} end"
    parts = f"regexp_extract({text}, {literal(f'^{_literal(kind)}$')}, ['base', 'id', 'identifier'])"
    literally = (
        f"list_transform([{parts}], lambda r: case when r.id <> '' or r.identifier <> '' then {base} || "
        f"{literal('/' + kind)} || {what} end)[1]"
    )
    urn = f"{own} || '/' || regexp_extract({text}, {literal(_URN)}, 1)"
    return f"case when regexp_full_match({text}, {literal(_URN)}) then {urn} else {literally} end"


def _site(base: str) -> str:
    """SQL: a base URL without what says nothing of which server it is (http and https are one: R4, 3.1.0.1.2)."""
    host = f"lower(regexp_replace({base}, {literal(_SITE)}, '\\1\\2'))"
    path = f"regexp_replace({base}, {literal(_SITE)}, '\\3')"
    return f"{host} || rtrim(regexp_replace({path}, '/+', '/', 'g'), '/')"


def _site_of(server: str) -> str:
    found = re.fullmatch(_SITE.strip("^$"), server)
    host, other, path = found.groups(default="") if found else (server, "", "")
    return (host + other).lower() + re.sub("/+", "/", path).rstrip("/")


def is_contained(text: str) -> str:
    """SQL: whether a reference leads to a resource inside its own record (R4, 2.3.0.3)."""
    return f"starts_with({text}, '#')"
