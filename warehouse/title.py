"""A name or sentence in the two languages that people are shown: Chinese and English."""

from __future__ import annotations

from typing import Literal

from ingestion.values.document import Document

Language = Literal["zh", "en"]


class Title(Document):
    """A text in Chinese and English."""

    zh: str
    en: str

    def of(self, language: Language) -> str:
        """The text in one of the languages."""
        return self.zh if language == "zh" else self.en
