"""A process that compacts or erases and kills itself at a step. Usage: compaction_child.py HOME VERB STEP [BATCH]"""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ingestion.upkeep.collect import erase
from ingestion.upkeep.compaction.compact import compact
from tests.support.hourly_lake import hourly_lake
from tests.support.office import READING


def main() -> None:
    home, verb, step, *batch = sys.argv[1:]

    def die(name: str) -> None:
        if name == step:
            os.kill(os.getpid(), signal.SIGKILL)

    made = replace(hourly_lake(Path(home)), on_step=die)
    contract = made.contracts[READING]
    if verb == "compact":
        compact(made, contract)
    else:
        erase(made, contract, batch[0], reason="court order 7", by="office")


if __name__ == "__main__":
    main()
