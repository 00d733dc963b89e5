"""Recognise columns with personal data by their names, using the words in `personal_words.csv`.

GB/T 37964-2019 calls an attribute that identifies a person by itself a direct identifier. Words have two levels. For
`certain` ones the loader refuses a contract: identity documents must always be de-identified; contact details and names
may pass only where the contract's `classification` says that they are not a natural person's (a business telephone, a
company's name). `likely` ones make a drafted contract ask (docs/adr/0021).
"""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, cast

Kind = Literal["identity_document", "phone", "email", "person_name", "address"]
"""Kinds of the level `certain`, strictest first."""

_WORDS = Path(__file__).with_name("personal_words.csv")
_ORDER = (
    "identity_document", "phone", "email", "person_name", "birth", "address", "account", "vehicle", "image",
    "reference", "narrative", "attribute", "location", "naming", "thing",
)  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_TOKEN = re.compile(r"[a-z]+[0-9]?|[^\x00-\x7f]+")


@dataclass(frozen=True)
class _Words:
    """The words of one kind: whole tokens of a name, parts of the name without separators, and complete names."""

    tokens: frozenset[str]
    parts: tuple[str, ...]
    wholes: frozenset[str]


def kind_of(*names: str | None) -> Kind | None:
    """The strictest kind of personal data that one of a column's names certainly means; None where none does."""
    return cast("Kind | None", next(iter(_kinds_in("certain", names)), None))


def hints(*names: str | None) -> list[str]:
    """All kinds that one of the names may mean, strictest first.

    `naming`: a name of something unspecified; `thing`: of something that is no person.
    """
    likely = [*_kinds_in("certain", names), *_kinds_in("likely", names)]
    return [kind for kind in _ORDER if kind in likely]


def never_passes(kind: Kind) -> bool:
    """Whether this kind must be de-identified whatever the column's classification."""
    return kind == "identity_document"


@cache
def first_characters(kind: str) -> str:
    """The characters that values of a kind begin with: `surname`, `plate_province`."""
    return "".join(word for row in _rows() if row["kind"] == kind for word in row["words"].split())


def _kinds_in(level: str, names: tuple[str | None, ...]) -> list[str]:
    spelled = [_words_of_name(name) for name in names if name]
    known = _words(level)
    return [kind for kind in _ORDER if kind in known and any(_announces(known[kind], *name) for name in spelled)]


def _announces(words: _Words, tokens: frozenset[str], squeezed: str) -> bool:
    named = squeezed in words.wholes or not words.tokens.isdisjoint(tokens)
    return named or any(part in squeezed for part in words.parts)


def _words_of_name(name: str) -> tuple[frozenset[str], str]:
    """Words of a name in snake, camel or title case, with and without their digits; and the name without separators."""
    parted = _CAMEL.sub("_", unicodedata.normalize("NFKC", name)).casefold()
    tokens = _TOKEN.findall(parted)
    bare = {token.rstrip("0123456789") for token in tokens}
    return frozenset({*tokens, *bare}), re.sub(r"[\W_]+", "", parted)


@cache
def _rows() -> tuple[dict[str, str], ...]:
    with _WORDS.open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def _words(level: str) -> dict[str, _Words]:
    found: dict[str, dict[str, set[str]]] = {}
    for row in _rows():
        if row["level"] == level:
            words = (unicodedata.normalize("NFKC", word).casefold() for word in row["words"].split())
            found.setdefault(row["kind"], {}).setdefault(row["form"], set()).update(words)
    return {
        kind: _Words(
            frozenset(forms.get("word", ())),
            tuple(sorted(forms.get("within", ()))),
            frozenset(forms.get("whole", ())),
        )
        for kind, forms in found.items()
    }
