"""Contracts built in Python, and one call that conforms bytes: what every conform test starts from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from ingestion.conform.pseudonym import PseudonymKeys
from ingestion.conform.result import Conformed
from ingestion.conform.run import Payload, conform
from ingestion.contract.extension import (
    CalendarSpec,
    Catalogue,
    Citylake,
    ColumnSpec,
    CsvFormat,
    Deidentify,
    Retention,
    RowRule,
    Steward,
)
from ingestion.contract.model import Column, Contract, Table
from ingestion.contract.sources import FileDrop
from ingestion.errors import DeliveryRefused
from ingestion.intervals import Interval
from ingestion.settings import Settings
from tests.support.needs import public_file

LOADED_AT = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)
INTERVAL = Interval(datetime(2026, 3, 1, 16, tzinfo=UTC), datetime(2026, 3, 2, 16, tzinfo=UTC))
MASTER = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"


@dataclass
class Maker:
    """Builds contracts and conforms payloads in one temporary folder."""

    folder: Path
    settings: Settings
    keys: PseudonymKeys
    runs: int = 0
    made: list[Path] = field(default_factory=list)

    def column(self, name: str, type: str = "VARCHAR", source: str | None = "", **facts: Any) -> Column:
        """`spec` keys (format, missing, deidentify, …) may stand beside the column's own."""
        known = set(ColumnSpec.model_fields)
        spec = ColumnSpec(**{k: facts.pop(k) for k in list(facts) if k in known})
        return Column(name, type, name if source == "" else source, name, name, spec=spec, **facts)

    def table(self, *columns: Column, name: str = "t", rules: Iterable[RowRule] = (), **facts: Any) -> Table:
        facts = {"event_time": None, "source": None, **facts}
        return Table(name, name, name, "one row", columns=columns, rules=tuple(rules), **facts)

    def contract(self, *tables: Table, format: Any = None, **facts: Any) -> Contract:
        settings: dict[str, Any] = {
            "delivery": "snapshot",
            "max_refused_share": 1.0,
            "deadline": timedelta(hours=1),
            "schedule": "0 * * * *",
            "calendar": CalendarSpec(every="day", start=date(2026, 1, 1)),
        }
        citylake = Citylake(
            department="office",
            feed="reading",
            steward=Steward(name="s", email="s@example.org"),
            source=FileDrop(path="x/{interval:%Y%m%d}.csv"),
            format=format or CsvFormat(),
            catalogue=Catalogue(
                resource_code="1",
                category="c",
                provider="p",
                share_type="无条件共享",
                open_attribute="无条件开放",
                update_cycle="每日",
                published=date(2026, 1, 1),
            ),
            licence="CC0-1.0",
            retention=Retention(raw=timedelta(days=1), quarantine=timedelta(days=1), basis="test"),
            **{**settings, **facts},
        )
        return Contract(
            "id", "1", "reading", "reading", "reading", "d", "weather", (), citylake, tables, Path("reading.yaml")
        )

    def conform(self, contract: Contract, payload: bytes | Path, **settings: Any) -> Conformed:
        self.runs += 1
        path = payload if isinstance(payload, Path) else self.folder / f"payload{self.runs}"
        if isinstance(payload, bytes):
            path.write_bytes(payload)
        return conform(contract, self.payload(path), keys=self.keys, settings=self.settings.model_copy(update=settings))

    def payload(self, path: Path, **facts: Any) -> Payload:
        """The file as the payload of a delivery."""
        given: dict[str, Any] = {
            "batch": "b1", "loaded_at": LOADED_AT, "interval": INTERVAL, "content_as_of": LOADED_AT,
            "scratch": self.folder / f"scratch{self.runs}",
        }  # fmt: skip
        return Payload(path, **{**given, **facts})

    def refusal(self, contract: Contract, payload: bytes, **settings: Any) -> DeliveryRefused:
        """How a delivery is refused whole: feed and next step are told, and no bronze is left."""
        with pytest.raises(DeliveryRefused) as caught:
            self.conform(contract, payload, **settings)
        assert caught.value.feed == "office.reading"
        assert "next:" in str(caught.value)
        assert "bronze is unchanged" in str(caught.value)
        assert not list(self.scratch.glob("*.bronze*"))
        return caught.value

    @property
    def scratch(self) -> Path:
        """Where the last run wrote."""
        return self.folder / f"scratch{self.runs}"

    @staticmethod
    def rows(path: Path | None, *columns: str) -> list[dict[str, Any]]:
        """A written file's rows; of bronze without the technical columns unless named."""
        if path is None:
            return []
        found = pq.ParquetFile(path).read().to_pylist()
        return [{k: v for k, v in row.items() if (k in columns if columns else not k.startswith("_"))} for row in found]

    @staticmethod
    def refused(path: Path | None) -> list[tuple[int, list[str]]]:
        """Record numbers and rules of a quarantine file, in record order."""
        return sorted((row["record"], row["rules"]) for row in Maker.rows(path))

    rule = staticmethod(lambda id, **facts: RowRule(id=id, description=id, **facts))
    deidentify = staticmethod(lambda method, **facts: Deidentify(method=method, **facts))


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    settings = Settings(home=tmp_path / "home", pseudonym_key=MASTER)
    return Maker(tmp_path, settings, PseudonymKeys.load(settings))


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Path of a real public file below `shared/data`, or a skip where it is not."""
    return public_file


@pytest.fixture
def two(make: Any) -> Any:
    """A table of a text `a` and a whole number `b`."""
    return make.table(make.column("a"), make.column("b", "INTEGER"))
