"""Nothing invisible survives, and nothing readable is changed."""

from __future__ import annotations

import unicodedata

import pytest

from ingestion.values.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("检查_20260304.csv", "检查_20260304.csv"),
        ("a\r\nBcc: x@example.org", "a⟨U+000D⟩⟨U+000A⟩Bcc: x@example.org"),
        ("gpj\u202efdp.exe", "gpj⟨U+202E⟩fdp.exe"),
        ("\u2066x\u2069\u200bz\ufeff", "⟨U+2066⟩x⟨U+2069⟩⟨U+200B⟩z⟨U+FEFF⟩"),
        ("\x00\x1b\x7f\x85", "⟨U+0000⟩⟨U+001B⟩⟨U+007F⟩⟨U+0085⟩"),
        ("\ud800\uffff", "⟨U+D800⟩⟨U+FFFF⟩"),
        ("=1+1 <b>&amp;</b>", "=1+1 <b>&amp;</b>"),
        ("👩‍🚒 é", "👩⟨U+200D⟩🚒 é"),
    ],
)
def test_hidden_characters_are_shown(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_no_control_or_format_character_is_left_out() -> None:
    hidden = [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Cs", "Zl", "Zp")]
    marks = [chr(code) for code in range(0x110000) if unicodedata.bidirectional(chr(code)) in
             ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")]  # fmt: skip
    assert len(hidden) > 2000
    assert [c for c in (*hidden, *marks) if visible(c) == c] == []


def test_it_is_cut_after_it_became_longer() -> None:
    assert visible("x" * 30, 10) == "x" * 9 + "…"
    assert len(visible("\u202e" * 30, 10)) == 10
    assert visible("x" * 10, 10) == "x" * 10
