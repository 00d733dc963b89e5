"""Guess whether a sampled column may contain personal data, erring on the safe side (docs/adr/0021).

`public` is guessed only for columns that cannot identify a person: numbers, dates and flags whose names do not suggest
one, and short codes of a repeating list. All others get a `decide:` mark; where the name or the values suggest a
person, or nothing is known, the column is `personal` and de-identified until somebody decides. Words are in
`ingestion.contract.personal`, patterns of values here. No value leaves this module.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import duckdb

from ingestion.authoring.keys import is_identifying
from ingestion.authoring.profile import Identifier, Profile
from ingestion.authoring.tables import SampledTable
from ingestion.contract import personal
from ingestion.sql import identifier, literal

Method = Literal["pseudonym", "drop", "generalise"]

LISTED, REPEATED, SHORT = 50, 5, 40
"""A list of codes: so many different values at most, each so often on average, none longer than so many characters."""

_SOME, _MOST = 0.02, 0.5
_LIFETIME_YEARS = 20
_BY_VALUE: dict[Identifier, str] = {
    "citizen_id": "identity_document",
    "masked_citizen_id": "identity_document",
    "mobile": "phone",
    "phone": "phone",
    "email": "email",
}
_CONSIDERED = {
    "number": ("identity_document", "phone", "account", "vehicle", "attribute", "location", "birth", "reference",
               "address", "person_name"),
    "time": ("birth", "attribute"),
    "flag": ("birth", "attribute"),
}  # fmt: skip
_LINKS = ("identity_document", "phone", "email", "person_name", "account", "vehicle", "reference")
_ABOUT_A_PERSON = frozenset(("identity_document", "person_name", "birth"))
_ASKED = {
    "identity_document": "whose number it is",
    "phone": "whose number it is",
    "email": "whose address it is",
    "person_name": "whether it names a person",
    "birth": "keep a coarser date, or drop it",
    "address": "whether anybody lives there",
    "account": "whose it is",
    "vehicle": "whose vehicle it is",
    "image": "keep it out, or say why not",
    "reference": "whom it leads to",
    "json": "a part of it may name a person: columns of its own for what is needed, drop the rest",
    "narrative": "free text may name people",
    "attribute": "whether the rows are about people",
    "location": "whether anybody lives there",
}


@dataclass(frozen=True)
class Guess:
    """The guess for a column: `why` it was made, and what a person has to `decide` (empty: nothing)."""

    classification: Literal["public", "internal", "personal"]
    why: str = ""
    decide: str = ""
    method: Method | None = None
    is_text: bool = False


PUBLIC = Guess("public")


@dataclass(frozen=True)
class _Seen:
    """Patterns of a text column's distinct values. `shares`: share (0 to 1) of values that match each kind."""

    distinct: int
    longest: int
    spaced: float
    shares: dict[str, float]

    def kind(self, *, is_list: bool) -> str | None:
        """The kind that some of the values look like, or, where they are no short list of codes, most of them."""
        for kind, share in self.shares.items():
            if kind in _LOOSE and is_list:
                continue
            if share >= (_SOME if kind in _TELLING else _MOST):
                return "person_name" if kind == "latin_name" else kind
        return None


def guesses(connection: duckdb.DuckDBPyConnection, table: SampledTable, profiles: list[Profile]) -> list[Guess]:
    """One guess per profile, in order."""
    kinds = [_kind(connection, table, found) for found in profiles]
    about_people = any(kind in _ABOUT_A_PERSON for kind, _ in kinds)
    return [
        _guess(connection, table, found, kind, why, about_people=about_people)
        for found, (kind, why) in zip(profiles, kinds, strict=True)
    ]


def _kind(connection: duckdb.DuckDBPyConnection, table: SampledTable, found: Profile) -> tuple[str | None, str]:
    """The kind of personal data that the column's values or names suggest, and why."""
    source = found.source
    if source.note:
        return "json", source.note
    by_value = _BY_VALUE.get(found.identifier) if found.identifier else None
    if by_value:
        return by_value, f"values look like {found.identifier}".replace("_", " ")
    named = personal.kind_of(source.name, source.path)
    if named:
        return named, f"the name announces {named}".replace("_", " ")
    hints = _hints(found)
    family = _family(found)
    if family != "text":
        hints = [kind for kind in hints if kind in _CONSIDERED[family]]
    if hints:
        return hints[0], f"the name may announce {hints[0]}".replace("_", " ")
    if family == "text" and found.filled:
        seen = _seen(connection, table, found)
        kind = seen.kind(is_list=_is_list(found, seen))
        if kind:
            return kind, f"values look like {kind}".replace("_", " ")
    return None, ""


def _hints(found: Profile) -> list[str]:
    """Kinds the column's names may announce. A name of nothing that is said is a person's."""
    all_hints = personal.hints(found.source.name, found.source.path)
    named = ["person_name"] if "naming" in all_hints and "thing" not in all_hints else []
    return [kind for kind in all_hints if kind not in ("naming", "thing")] or named


def _guess(
    connection: duckdb.DuckDBPyConnection, table: SampledTable, found: Profile, kind: str | None, why: str, *,
    about_people: bool,
) -> Guess:  # fmt: skip
    if kind == "location" and not about_people:
        return Guess("internal", why, _ASKED[kind])
    if kind is not None:
        sure = personal.kind_of(found.source.name, found.source.path) is not None or bool(found.identifier)
        return Guess("personal", why, _ASKED[kind], _method(kind, found, sure=sure), is_text=sure and kind in _LINKS)
    if _family(found) == "number":
        numbered = _numbers_things(found) or is_identifying(found.source.name)
        return Guess("internal", decide="whether it numbers people") if numbered else PUBLIC
    if _family(found) != "text":
        lives = _family(found) == "time" and _spans_lives(connection, table, found)
        said = f"days over more than {_LIFETIME_YEARS} years"
        return Guess("internal", said, "whether these are days of birth") if lives else PUBLIC
    return _unknown_text(connection, table, found, about_people=about_people)


def _method(kind: str, found: Profile, *, sure: bool) -> Method:
    if kind in _LINKS:
        return "pseudonym" if found.type == "VARCHAR" or sure else "drop"
    return "generalise" if kind == "birth" and found.type in ("DATE", "VARCHAR") else "drop"


def _unknown_text(
    connection: duckdb.DuckDBPyConnection, table: SampledTable, found: Profile, *, about_people: bool
) -> Guess:
    """Text that nothing announces: a short list of codes, codes that number something, or words."""
    if not found.filled:
        return Guess("internal", decide="no value in the sample: what will it hold?")
    seen = _seen(connection, table, found)
    if _is_list(found, seen):
        return PUBLIC
    if not seen.spaced and seen.longest <= SHORT:
        if about_people:
            return Guess("personal", "it may number the people of this table", "whom it numbers", "pseudonym")
        return Guess("internal", decide="whether it numbers or names people")
    if "thing" in personal.hints(found.source.name, found.source.path) and seen.longest <= 4 * SHORT:
        return Guess("internal", decide="whether a person's name can stand here")
    return Guess("personal", "text of many values", "whether it can name people", "drop")


def _is_list(found: Profile, seen: _Seen) -> bool:
    return seen.longest <= SHORT and found.distinct <= LISTED and found.filled >= REPEATED * found.distinct


def _family(found: Profile) -> str:
    if found.type in ("INTEGER", "BIGINT", "DOUBLE"):
        return "time" if found.format == "gtfs_time" else "number"
    return {"VARCHAR": "text", "BOOLEAN": "flag"}.get(found.type, "time")


def _numbers_things(found: Profile) -> bool:
    """Whole numbers of one length of seven digits and more, mostly different: they number something."""
    if found.type == "DOUBLE" or found.low is None or found.high is None:
        return False
    digits = {len(str(abs(int(value)))) for value in (found.low, found.high)}
    return len(digits) == 1 and min(digits) >= 7 and found.distinct >= _MOST * found.filled  # noqa: PLR2004 - a phone number


def _spans_lives(connection: duckdb.DuckDBPyConnection, table: SampledTable, found: Profile) -> bool:
    if found.type != "DATE" or not found.format or "%" not in found.format:
        return False
    day = f"try_strptime(trim({identifier(found.source.column)}), {literal(found.format)})"
    row = connection.execute(f"select year(max({day})) - year(min({day})) from {identifier(table.relation)}").fetchone()
    return bool(row and row[0] is not None and row[0] > _LIFETIME_YEARS)


_TELLING = ("json", "identity_document", "phone", "email", "vehicle", "reference", "account")
"""Kinds that a few values give away; of the others most must have the shape."""

_LOOSE = ("address", "location", "latin_name")
"""Shapes that codes in words have too: `Low Risk`."""


def _shapes() -> dict[str, str]:
    """Kind → SQL over the text `v`; the first that fits counts."""
    han = f"[{personal.first_characters('surname')}]"
    plates = f"[{personal.first_characters('plate_province')}]"
    full = {
        "json": r"(?s)\s*[\[{].*[\]}]\s*|(?s).*</?[a-zA-Z][^>]*>.*",
        "reference": r"[A-Z][A-Za-z]{2,40}/[A-Za-z0-9.-]{1,64}|urn:(uuid|oid):.+"
        r"|[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
        "vehicle": plates + r"[A-HJ-NP-Z][·.\s-]?[A-HJ-NP-Z0-9]{4,6}[挂学警港澳]?",
        "account": r"(\d{1,3}\.){3}\d{1,3}|([0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}|[A-Z]{2}\d{2}[A-Z0-9]{11,30}",
        "person_name": han + r"\p{Han}{1,2}|" + han + r"[*＊某○xX]{1,2}\p{Han}?"
        r"|\p{Han}{1,4}[ 　][\p{Han}\p{Hiragana}\p{Katakana}]{1,5}"
        r"|[\p{Katakana}ー]{2,8}[ 　][\p{Katakana}ー]{2,8}",
        "latin_name": r"\p{Lu}[\p{L}'’.-]+,? (\p{Lu}\.? )?\p{Lu}[\p{L}'’-]+( (Jr|Sr|II|III)\.?)?",
    }
    within = {
        "identity_document": r"(^|\D)[1-9]\d{5}(19|20)\d{2}(0[1-9]|1[0-2])([0-2]\d|3[01])\d{3}[\dXx]($|[^\dXx])"
        r"|(^|\D)\d{3}-\d{2}-\d{4}($|\D)",
        "phone": r"(^|\D)1[3-9]\d(\d{8}|\*{4}\d{4}|[- ]\d{4}[- ]\d{4})($|\D)"
        r"|(^|\D)0\d{1,4}[-(]\d{1,4}[-)]?\d{3,8}($|\D)"
        r"|\(\d{3}\) ?\d{3}[- ]\d{4}|(^|\D)\d{3}[-.]\d{3}[-.]\d{4}($|\D)|^\+\d[\d ()-]{7,18}$",
        "email": r"[\w.+-]+@[\w-]+\.[\w.]+",
        "address": r"[路街道巷弄里村][^,，]{0,12}\d+|\d+\s*[号號室栋棟]|丁目|番地|\d+番\d*号?"
        r"|(?i)\d+\s+([a-z0-9.]+ ){1,5}(street|st|avenue|ave|road|rd|drive|dr|boulevard|blvd|lane|ln|court|ct|way)\b",
        "location": r"(?i)^(point|polygon|linestring)\s*\(|^\(?-?\d{1,3}\.\d{3,}\s*,\s*-?\d{1,3}\.\d{3,}\)?$",
    }
    tests = {kind: f"regexp_full_match(v, {literal(shape)})" for kind, shape in full.items()}
    tests |= {kind: f"regexp_matches(v, {literal(shape)})" for kind, shape in within.items()}
    order = (
        "json", "identity_document", "email", "reference", "vehicle", "account", "phone", "address", "location",
        "person_name", "latin_name",
    )  # fmt: skip
    return {kind: tests[kind] for kind in order}


def _seen(connection: duckdb.DuckDBPyConnection, table: SampledTable, found: Profile) -> _Seen:
    tests = _shapes()
    counts = ", ".join(f"count(*) filter (where coalesce({test}, false))" for test in tests.values())
    cell = identifier(found.source.column)
    row = connection.execute(
        f"""with texts as (select distinct nullif(trim({cell}), '') as v from {identifier(table.relation)})
            select count(v), coalesce(max(length(v)), 0),
                count(*) filter (where regexp_matches(v, '\\s|[^\\x00-\\x7f]')), {counts} from texts"""
    ).fetchone()
    if row is None:
        raise duckdb.InvalidInputException("no aggregate came back")
    distinct, longest, spaced, *matched = row
    whole = max(distinct, 1)
    shares = {kind: count / whole for kind, count in zip(tests, matched, strict=True)}
    return _Seen(distinct, longest, spaced / whole, shares)
