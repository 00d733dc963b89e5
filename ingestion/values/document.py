"""The base of every JSON document and declaration the lake reads: unknown keys are refused, instances cannot change."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A pydantic model that raises ValidationError for a key it does not declare, and for assigning to a field.

    JSON is written in the order of the fields.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
