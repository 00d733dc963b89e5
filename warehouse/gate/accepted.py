"""The register of accepted failures (accepted_failures.yaml): checks that may fail until a date, each with an owner.

Only a check with status `failed` and a known number of failing rows can be accepted, never one that did not run.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, StringConstraints, ValidationError, model_validator

from ingestion.errors import ConfigurationError
from ingestion.values.document import Document
from warehouse.verdict import AcceptedUse, CheckResult

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class AcceptedFailure(Document):
    """One entry. `owner` is a role; `expires` is the last day it applies."""

    check: Text
    product: Text
    owner: Text
    reason: Text
    max_failures: int = Field(ge=1)
    expires: date


class Register(Document):
    """All entries; one per check and product."""

    accepted_failures: list[AcceptedFailure] = Field(default=[])

    @model_validator(mode="after")
    def _unique(self) -> Register:
        seen: set[tuple[str, str]] = set()
        for entry in self.accepted_failures:
            if (entry.product, entry.check) in seen:
                raise ValueError(f"check {entry.check!r} of product {entry.product!r} is listed twice")
            seen.add((entry.product, entry.check))
        return self

    def find(self, product: str, check: str) -> AcceptedFailure | None:
        """The entry for a check, even if expired; None without one."""
        return next((e for e in self.accepted_failures if (e.product, e.check) == (product, check)), None)


def load_register(path: Path) -> Register:
    """Read the register. Raises ConfigurationError that names file, entry and key."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) or {}
        return Register.model_validate(document)
    except FileNotFoundError as error:
        raise _wrong(path, "the file does not exist") from error
    except yaml.YAMLError as error:
        raise _wrong(path, f"not YAML: {error}") from error
    except ValidationError as error:
        details = "; ".join(f"{'.'.join(str(p) for p in e['loc']) or 'register'}: {e['msg']}" for e in error.errors())
        raise _wrong(path, details) from error


def require_known(register: Register, path: Path, known: dict[str, set[str]]) -> None:
    """Raises ConfigurationError for an entry that names no product or check of this build, and so would do nothing.

    `known` maps the products of the build to the names of their checks.
    """
    for entry in register.accepted_failures:
        if entry.product not in known:
            raise _wrong(path, f"unknown product {entry.product!r}; known: {', '.join(sorted(known)) or 'none'}")
        if entry.check not in known[entry.product]:
            raise _wrong(path, f"unknown check {entry.check!r} of product {entry.product!r}")


def apply_register(
    register: Register, product: str, results: Iterable[CheckResult], today: date
) -> tuple[list[CheckResult], list[AcceptedUse]]:
    """The results with accepted failures marked, and the entries that were used."""
    judged: list[CheckResult] = []
    used: list[AcceptedUse] = []
    for result in results:
        entry = register.find(product, result.name)
        if entry is None or result.status != "failed":
            judged.append(result)
            continue
        note = _refusal(entry, result.failures, today)
        if note is None:
            facts = entry.model_dump(exclude={"product"})
            used.append(AcceptedUse(**facts, failures=result.failures or 0))
        judged.append(result.model_copy(update={"accepted": note is None, "note": note}))
    return judged, used


def _refusal(entry: AcceptedFailure, failures: int | None, today: date) -> str | None:
    if failures is None:
        return "its accepted failure does not apply: the failing rows were not counted"
    if today > entry.expires:
        return f"its accepted failure (owner {entry.owner}) expired on {entry.expires.isoformat()}"
    if failures > entry.max_failures:
        return f"its accepted failure (owner {entry.owner}) allows {entry.max_failures}, found {failures}"
    return None


def _wrong(path: Path, detail: str) -> ConfigurationError:
    return ConfigurationError(
        f"register of accepted failures {path.name}: {detail}",
        left="no verdict was written and nothing was released",
        next_step=f"correct {path.name} and run `citylake gate` again",
    )
