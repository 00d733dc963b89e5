"""Texts of many rows at once: lines from parts, times as feeds write them, attachments in base64."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.simulator.rows import Texts


def joined(count: int, *parts: str | Texts) -> Texts:
    """Parts beside each other, row by row; a single text stands in every row."""
    arrays = [pa.array(np.full(count, one, object) if isinstance(one, str) else one, pa.string()) for one in parts]
    made: Texts = pc.binary_join_element_wise(*arrays, "").to_numpy(zero_copy_only=False).astype(object)
    return made


def where(condition: np.ndarray, yes: str | Texts, no: str | Texts = "") -> Texts:
    """`yes` or `no`, row by row."""
    return np.where(condition, yes, no).astype(object)


def seconds(numbers: np.ndarray) -> np.ndarray:
    """Whole seconds as spans of time."""
    return numbers.astype("timedelta64[s]")


def iso(moments: np.ndarray) -> Texts:
    """Local moments with their offset, `2026-03-02T09:15:00+08:00`; NaT is empty."""
    return where(np.isnat(moments), "", moments.astype("datetime64[s]").astype(str).astype(object) + "+08:00")


def spaced(moments: np.ndarray) -> Texts:
    """Local moments as `2026-03-02 09:15:00`; NaT is empty."""
    plain = np.char.replace(moments.astype("datetime64[s]").astype(str), "T", " ")
    return where(np.isnat(moments), "", plain.astype(object))


def compact(moments: np.ndarray) -> Texts:
    """Local moments as `20260302091500`, days as `20260302`; NaT is empty."""
    plain = moments.astype(str)
    for mark in "-T:":
        plain = np.char.replace(plain, mark, "")
    return where(np.isnat(moments), "", plain.astype(object))


def day_of(moments: np.ndarray) -> Texts:
    """The local ISO day of each moment."""
    return moments.astype("datetime64[D]").astype(str).astype(object)


def base64_texts(values: Iterable[str]) -> Texts:
    """Each text as base64 of its UTF-8."""
    return np.array([base64.b64encode(one.encode()).decode() for one in values], dtype=object)
