"""Both languages say the same things, and every state, verb and reason that can come has words."""

from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from dags.today import texts as module
from dags.today.actions import VERBS
from dags.today.overview import STATES
from dags.today.render import TEMPLATES
from dags.today.texts import LANGUAGES, language_of, texts
from ingestion.receipts.model import Outcome
from warehouse.actions.model import Entry, Verb, Via
from warehouse.release.layout import EDITIONS
from warehouse.release.ledger import Event
from warehouse.status.model import NEEDS_A_PERSON
from warehouse.verdict import Considered, Decision

SOURCES = [*TEMPLATES.glob("*.html"), *Path(module.__file__).parent.glob("*.py")]


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_language_has_the_same_keys_with_the_same_fields() -> None:
    first, *others = (texts(language).words for language in LANGUAGES)
    assert len(first) > 200
    for other in others:
        assert other.keys() == first.keys()
        assert {key: fields(text) for key, text in other.items()} == {key: fields(text) for key, text in first.items()}
    assert all(text.strip() for language in LANGUAGES for text in texts(language).words.values())


def named() -> tuple[set[str], set[str]]:
    """Keys that sources name, and beginnings of keys that they complete from data."""
    whole: set[str] = set()
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        whole |= set(re.findall(r"""\bt\(f?["']([a-z_.]+)""", text))
        whole |= set(re.findall(r"""["']((?:error|forbidden)\.(?!html)[a-z_]+)["']""", text))
        whole |= set(re.findall(r"""words\(request\)\(f?["']([a-z_.]+)""", text))
        whole |= {f"{table}." for table in re.findall(r"""f["']([a-z]+)\.\{""", text)}
    starts = {key for key in whole if key.endswith(".")}
    return whole - starts, starts


def test_every_key_that_templates_and_handlers_name_is_there_and_no_other() -> None:
    known = set(texts("zh").words)
    whole, starts = named()
    assert len(whole) > 100
    assert not whole - known
    assert not {key for key in known if key not in whole and not key.startswith((*starts, "language."))}


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_a_line_can_be_has_words(language: str) -> None:
    t = texts("zh" if language == "zh" else "en")
    outcomes = [*get_args(Outcome), "rejected", "erased"]
    kinds = {
        "state": [*STATES, *outcomes, *get_args(Decision), "unjudged", "pending", "onhold", "off"],
        "outcome": outcomes,
        "count": [*NEEDS_A_PERSON, "blocked"],
        "reason": get_args(Considered),
        "verb": get_args(Verb),
        "via": [via.replace(" ", "_") for via in get_args(Via)],
        "event": get_args(Event),
        "edition": [*EDITIONS, "restricted"],
        "confirm": VERBS,
        "result": VERBS,
    }
    events = get_args(Entry.model_fields["event"].annotation)
    wanted = [f"{kind}.{name}" for kind, names in kinds.items() for name in names]
    assert not [key for key in [*wanted, *(f"state.{event}" for event in events)] if key not in t]


def test_the_language_is_asked_kept_or_the_browsers() -> None:
    assert language_of("en", "zh", "zh-CN") == "en"
    assert language_of(None, "en", "zh-CN") == "en"
    assert language_of("xx", "yy", "fr, en-GB;q=0.8, zh;q=0.5") == "en"
    assert language_of(None, None, "fr") == "zh"
