"""Build build.duckdb from a lake's effective files with dbt, test it, and write the build report.

Owns the lock and what a build is given of the lake; the steps are in warehouse.build.builder. `build` does all of them;
`make_models` and `test_models` are its two halves, for two Airflow tasks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

from ingestion.store.reading import store_errors
from warehouse.build.builder import MADE, Builder
from warehouse.build.errors import BuildFailed
from warehouse.build.inputs import read_effective
from warehouse.build.lock import building
from warehouse.build.report import BuildReport, ModelsMade, last_report
from warehouse.progress import Progress, silent

if TYPE_CHECKING:
    from ingestion.lake import Lake


def build(
    lake: Lake,
    as_of: date,
    *,
    full_refresh: bool = False,
    released: Mapping[str, Collection[str]] | None = None,
    progress: Progress = silent,
) -> BuildReport:
    """Build and test what changed; the report is also saved beside the build file.

    `as_of` is the local day the freshness checks are judged for; on another day they, and models that ask for the date,
    are judged and made again even where no file is new. `released` gives per product the bronze keys its last release
    was made from; their difference to the effective files is rebuilt.
    Raises LakeBusy, BuildFailed, ConfigurationError. A failing model or test is a status.
    """
    builder = _builder(lake, progress)
    with _locked(lake):
        return builder.build(read_effective(lake), as_of, full_refresh=full_refresh, released=released)


def make_models(
    lake: Lake,
    as_of: date,
    *,
    full_refresh: bool = False,
    released: Mapping[str, Collection[str]] | None = None,
    progress: Progress = silent,
) -> ModelsMade | BuildReport:
    """The first half of `build`, with its arguments and errors: make the models without testing them.

    Where nothing is new, the last report again.
    """
    builder = _builder(lake, progress)
    with _locked(lake):
        return builder.make(read_effective(lake), as_of, full_refresh=full_refresh, released=released)


def test_models(lake: Lake, *, progress: Progress = silent) -> BuildReport:
    """The second half of `build`: test what `make_models` made, and report. Where it made nothing, the last report
    again.

    Raises LakeBusy; BuildFailed where another build has begun since, or nothing was ever built.
    """
    builder = _builder(lake, progress)
    with _locked(lake):
        path = lake.settings.state_root / MADE
        if path.is_file():
            return builder.test(ModelsMade.load(path))
        last = last_report(lake.settings)
        if last is None:
            raise BuildFailed("nothing was built yet", left="nothing was done", next_step="citylake build")
        return last.model_copy(update={"nothing_new": True})


def is_built(lake: Lake, as_of: date) -> bool:
    """Whether the last build was judged for `as_of` and was made from exactly the files that count now."""
    last = last_report(lake.settings)
    if last is None or last.as_of != as_of:
        return False
    files = set(read_effective(lake).files.column("key").to_pylist())
    return files == {key for keys in last.inputs.values() for key in keys}


def _builder(lake: Lake, progress: Progress) -> Builder:
    store = lake.store
    return Builder(lake.settings, lake.contracts, store.url, progress, store.prepare, store.as_store_error)


@contextmanager
def _locked(lake: Lake) -> Iterator[None]:
    """Hold the build lock; within the block DuckDB's errors about the store are raised as StoreError."""
    with building(lake), store_errors(lake.store, "build"):
        yield
