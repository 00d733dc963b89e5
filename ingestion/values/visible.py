"""Text from outside as harmless text: a character that no glyph stands for is shown as its code, `⟨U+202E⟩`.

File names and values come from departments. A right-to-left mark may make `exe.fdp` read `pdf.exe`, a line break may
begin a mail's next header, and XML cannot hold most control characters.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode categories without a glyph: controls, formats (direction, zero width), surrogates, private use, line ends."""
_NONCHARACTER = 0xFFFE
"""The last two code points of a plane have these low bits; they are no characters (Unicode, section 23.7)."""


def visible(text: str, longest: int | None = None, *, kept: str = "") -> str:
    """The text with hidden characters shown, except those in `kept`, cut to `longest` characters."""
    shown = text if longest is None else text[:longest]
    if not shown.isprintable():
        shown = "".join(c if c in kept or not _is_hidden(c) else f"⟨U+{ord(c):04X}⟩" for c in shown)
    if longest is not None and (len(text) > longest or len(shown) > longest):
        return f"{shown[: longest - 1]}…"
    return shown


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in _HIDDEN or ord(character) & _NONCHARACTER == _NONCHARACTER
