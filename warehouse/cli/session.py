"""What every command shares: the options before the command's name, and how they open the lake."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.contract.load import Feeds
    from ingestion.contract.model import Contract
    from ingestion.lake import Lake
    from ingestion.settings import Settings


@dataclass
class Session:
    """One call of `citylake`. Filled by the root callback, read by commands through `context.obj`."""

    home: Path | None = None
    debug: bool = False

    @cached_property
    def settings(self) -> Settings:
        """Settings of the environment and of the home's own file; `--home` comes before CITYLAKE_HOME."""
        from ingestion.settings import Settings

        return Settings.at(self.home)

    @cached_property
    def lake(self) -> Lake:
        """The lake, its receipt log refreshed."""
        from ingestion.lake import open_lake

        return open_lake(self.settings)

    @cached_property
    def feeds(self) -> Feeds:
        """The contracts that can be read and what is wrong with the others, without opening a lake."""
        from ingestion.contract.load import read_feeds

        return read_feeds(self.settings.contracts)

    @property
    def contracts(self) -> dict[str, Contract]:
        """The contracts that can be read."""
        return self.feeds.contracts

    def contract(self, name: str) -> Contract:
        """The contract of `department.feed`, or of `feed` where only one department has it.

        Raises InvalidContract where its file is wrong, ConfigurationError that lists similar names.
        """
        if name in self.contracts:
            return self.contracts[name]
        short = [full for full in self.contracts if full.split(".", 1)[1] == name]
        if len(short) == 1:
            return self.contracts[short[0]]
        self._require_sound(name)
        from ingestion.errors import ConfigurationError

        near = short or difflib.get_close_matches(name, self.contracts, n=3, cutoff=0.4) or sorted(self.contracts)
        raise ConfigurationError(
            f"no contract is named {name!r}; did you mean {', '.join(near)}?",
            left="nothing was done",
            next_step="citylake contracts list",
        )

    def _require_sound(self, name: str) -> None:
        from ingestion.contract.problem import InvalidContract

        wrong = [full for full in self.feeds.broken if name in (full, full.partition(".")[2])]
        if wrong:
            raise InvalidContract(problem for full in wrong for problem in self.feeds.broken[full])
