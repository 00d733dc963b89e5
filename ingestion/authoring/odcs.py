"""Does a contract file keep to the Open Data Contract Standard? Judged by the JSON Schema of ODCS v3.2.0.

The schema comes with the package `open-data-contract-standard`, so that nothing is fetched. What the standard leaves to
its users (custom properties) is ingestion.contract's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft201909Validator
from jsonschema.exceptions import ValidationError, best_match

from ingestion.contract.problem import KeyPath

_LONGEST = 300
"""Characters of a message; the schema's own may quote a whole contract."""


def standard_problems(contract: Mapping[str, Any]) -> Iterator[tuple[KeyPath, str]]:
    """Key path and message of everything in a contract's YAML that the standard does not allow."""
    # Dates that YAML read as such are texts in the standard.
    document = json.loads(json.dumps(contract, default=str))
    for error in _validator().iter_errors(document):
        reason = best_match([error]) or error
        yield tuple(reason.absolute_path), f"not ODCS v3.2.0: {_shortened(reason)}"


@cache
def _validator() -> Draft201909Validator:
    text = resources.files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")
    return Draft201909Validator(json.loads(text))


def _shortened(error: ValidationError) -> str:
    return error.message if len(error.message) <= _LONGEST else f"{error.message[:_LONGEST]}…"
