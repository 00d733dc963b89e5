"""Text from outside as one harmless line: what is invisible, or would turn or end a line, is made visible.

File names and values come from departments. A right-to-left mark may make `exe.fdp` read `pdf.exe`, a line break may
begin a mail's next header, and XML cannot hold most control characters.
"""

from __future__ import annotations

import re

_HIDDEN = re.compile(
    "["
    "\\x00-\\x1f\\x7f-\\x9f"  # control characters
    "\\u00ad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e"  # marks that show nothing, or turn text
    "\\u2060-\\u206f\\ufeff\\ufff9-\\uffff"
    "\\ud800-\\udfff\\U000e0000-\\U000e0fff"  # halves of characters, tags
    "]"
)
_PICTURES = {**{code: chr(0x2400 + code) for code in range(32)}, 127: "␡"}
"""Unicode's pictures of the control characters of ASCII."""


def visible(text: str, longest: int | None = None) -> str:
    """The text with pictures (`␊`) or names (`<U+202E>`) of hidden characters, cut to `longest` characters."""
    shown = _HIDDEN.sub(_picture, text if longest is None else text[:longest])
    if longest is not None and (len(text) > longest or len(shown) > longest):
        return f"{shown[: longest - 1]}…"
    return shown


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _PICTURES.get(code) or f"<U+{code:04X}>"
