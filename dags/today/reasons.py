"""The reasons of a verdict as the page reads them: which kind of check refused the product, and how many failed.

The sentence is `warehouse.verdict.CheckResult.sentence`; the catalogue of texts has words for each kind.
"""

from __future__ import annotations

import re
from typing import get_args

from warehouse.verdict import Considered

_SENTENCE = re.compile(
    rf"(?P<kind>{'|'.join(get_args(Considered))}) .*?: (?:failed|error|skipped|warned)(?:, (?P<failing>\d+) failing)?"
)


def read_reason(sentence: str) -> tuple[str | None, int | None]:
    """Kind of the check and number of failures; None where the sentence does not say."""
    found = _SENTENCE.match(sentence)
    if found is None:
        return None, None
    return found["kind"], int(found["failing"]) if found["failing"] else None
