"""The page's own words: one file a language below `texts/`, both with the same keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import yaml

from warehouse.title import Language, Title

FOLDER = Path(__file__).with_name("texts")
LANGUAGES: tuple[Language, ...] = get_args(Language)


@dataclass(frozen=True)
class Texts:
    """The words of one language: `texts("feeds.title")`, `texts("late.count", n=2)`."""

    language: Language
    words: dict[str, str]

    def __call__(self, key: str, **fields: Any) -> str:
        """The text of a key, its `{fields}` filled in. Raises KeyError."""
        return self.words[key].format(**fields)

    def __contains__(self, key: str) -> bool:
        return key in self.words

    def edition(self, name: str) -> str:
        """What people call an edition; of a restricted one with its product."""
        kind, _, product = name.partition("/")
        return self.words[f"edition.{kind}"].format(product=product)

    def of(self, title: Title) -> str:
        """A title in this language; in the other one where this is empty."""
        return title.of(self.language) or title.zh or title.en


@cache
def texts(language: Language) -> Texts:
    """The catalogue of a language, read once."""
    document = yaml.load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return Texts(language, {key: value for key, value in _flat(document)})


def _flat(node: Any, prefix: str = "") -> list[tuple[str, str]]:
    if not isinstance(node, dict):
        return [(prefix, str(node))]
    found = [_flat(value, f"{prefix}.{key}" if prefix else str(key)) for key, value in node.items()]
    return [pair for pairs in found for pair in pairs]


def language_of(asked: str | None, kept: str | None, accepted: str) -> Language:
    """The language that was asked for, else the one chosen before, else the browser's first of ours, else Chinese."""
    for given in (asked, kept):
        for language in LANGUAGES:
            if given == language:
                return language
    for part in accepted.lower().split(","):
        for language in LANGUAGES:
            if part.strip().startswith(language):
                return language
    return LANGUAGES[0]
