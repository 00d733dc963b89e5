"""Full-width forms, as typed with Chinese and Japanese input methods, as their plain forms."""

from __future__ import annotations

from ingestion.sql import literal

_FULL = "".join(chr(code) for code in range(0xFF01, 0xFF5F)) + "\u3000"
_HALF = "".join(chr(code) for code in range(0x21, 0x7F)) + " "


def folded(text: str) -> str:
    """SQL: `text` with full-width ASCII and the wide blank folded, the part of NFKC that occurs."""
    return f"translate({text}, {literal(_FULL)}, {literal(_HALF)})"
