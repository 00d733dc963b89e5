"""What a person writes for a feed beyond unchanged generator output: files, and lines of at most 120 characters.

    python -m bench.new_feed [FEED ...]      # default: the feeds whose facts follow from their contracts

For each feed the shipped tree without it is copied, `citylake feed new` is run on a day the simulated city sends, and
what it writes is compared with what is shipped. A line counts where it is not in the generator's output; a `guess:`
comment that was accepted and taken away does not. Counted are contract, fact and the smallest mart; listed besides are
the simulated feed, which a real department does not need, further models, and reference data that only these read.
"""

from __future__ import annotations

import csv
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

import yaml

from infra.simulator.city import City
from infra.simulator.feeds import FEEDS
from infra.simulator.schedule import arriving
from ingestion.authoring.known import Known
from ingestion.contract.load import load_contracts
from ingestion.contract.model import Contract
from ingestion.settings import PROJECT_ROOT, Settings
from warehouse.modelling.files import generated_paths, write_generated
from warehouse.modelling.new_feed import new_feed, organisation, write_files

FILES, LINES, WIDTH = 4, 90, 120
_GUESS = re.compile(r"  # guess: (?:(?!; decide:).)*$", re.MULTILINE)
SIMULATOR = PROJECT_ROOT / "infra" / "simulator" / "feeds"


def written(path: Path, generated: str) -> int:
    """Lines of a shipped file that the generator did not write; a longer line counts as several."""
    old, new = (_GUESS.sub("", text).splitlines() for text in (generated, path.read_text(encoding="utf-8")))
    return sum(-(-len(line) // WIDTH) for line in added(old, new) if line.strip())


def added(old: list[str], new: list[str]) -> list[str]:
    """The lines of `new` that are in no longest common subsequence with `old`."""
    longest = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for row in range(len(old) - 1, -1, -1):
        for column in range(len(new) - 1, -1, -1):
            same = longest[row + 1][column + 1] + 1 if old[row] == new[column] else 0
            longest[row][column] = same or max(longest[row + 1][column], longest[row][column + 1])
    found, row = [], 0
    for column, line in enumerate(new):
        while row < len(old) and old[row] != line and longest[row + 1][column] == longest[row][column]:
            row += 1
        if row < len(old) and old[row] == line and longest[row][column] == longest[row + 1][column + 1] + 1:
            row += 1
        else:
            found.append(line)
    return found


def sample(contract: Contract, folder: Path) -> Path:
    """A clean day of the feed as one file."""
    feed = next(feed for feed in FEEDS if feed.id == contract.name)
    city = City(plan=())
    slots = [slot for slot in arriving(city, feed, city.days) if slot.start.date() == city.date_of(city.days)]
    deliveries = [feed.deliver(city, slot) for slot in slots]
    path = folder / deliveries[0].filename
    header = deliveries[0].content.split(b"\n", 1)[0] + b"\n" if path.suffix == ".csv" else b""
    path.write_bytes(header + b"".join(delivery.content.removeprefix(header) for delivery in deliveries))
    return path


def measure(contract: Contract, folder: Path) -> tuple[dict[Path, int], dict[Path, int]]:
    """Hand-written lines by file: what the feed needs, and what belongs to it besides."""
    settings = Settings()
    contracts, project = folder / "contracts", folder / "dbt_project"
    shutil.copytree(settings.contracts, contracts)
    shutil.copytree(settings.dbt_project, project, ignore=shutil.ignore_patterns("target", "logs"))
    marts = settings.dbt_project / "models" / "marts" / contract.product
    (contracts / contract.department / contract.path.name).unlink()
    shutil.rmtree(project / "models" / "marts" / contract.product)
    _without_group(project / "models" / "_groups.yml", contract.product)
    known = Known(
        contract.title, contract.description, contract.product, organisation(project, contract.department), None
    )
    given = sample(contract, folder)
    files = new_feed(
        given, department=contract.department, feed=contract.feed, known=known, contracts=contracts, project=project,
        simulator=folder / "simulator",
    )  # fmt: skip
    write_files(files)
    write_generated(load_contracts(contracts), project)
    written_for = generated_paths(settings.dbt_project)
    by_hand = [path for path in sorted(marts.iterdir()) if path not in written_for]
    first = min((path for path in by_hand if path.suffix == ".sql"), key=lambda path: path.stat().st_size).stem
    sent = SIMULATOR / contract.department / f"{contract.feed}.py"
    pairs = {contract.path: contracts / contract.department / contract.path.name}
    needed = {
        path: _generated(pairs.get(path)) for path in (contract.path, *by_hand) if path.stem in (contract.feed, first)
    }
    besides = {sent: _generated(folder / "simulator" / contract.department / sent.name)}
    besides |= {path: "" for path in by_hand if path.stem != first}
    besides |= {path: "" for path in _seeds(by_hand, settings.dbt_project / "seeds")}
    return (
        {path: written(path, text) for path, text in needed.items()},
        {path: written(path, text) for path, text in besides.items()},
    )


def _generated(path: Path | None) -> str:
    return path.read_text(encoding="utf-8") if path and path.is_file() else ""


def _seeds(models: Iterable[Path], seeds: Path) -> list[Path]:
    """Reference data that only these models read."""
    texts = "".join(path.read_text(encoding="utf-8") for path in models if path.suffix == ".sql")
    others = "".join(p.read_text("utf-8") for p in seeds.parent.rglob("*.sql") if p not in set(models))
    found = [path for path in sorted(seeds.glob("*.csv")) if f"'{path.stem}'" in texts]
    return [path for path in found if f"'{path.stem}'" not in others]


def _without_group(path: Path, product: str) -> None:
    groups = [group for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"] if group["name"] != product]
    path.write_text(yaml.safe_dump({"groups": groups}, allow_unicode=True, sort_keys=False), encoding="utf-8")


def main(names: list[str]) -> int:
    """Print the table; 1 where a feed needs more than the bar."""
    contracts = load_contracts(Settings().contracts)
    asked = [one for one in contracts.values() if any(spec.fact for spec in one.citylake.tables.values())]
    missed = 0
    out = csv.writer(sys.stdout, delimiter="\t", lineterminator="\n")
    for contract in [contracts[name] for name in names] or asked:
        with tempfile.TemporaryDirectory() as folder:
            needed, besides = measure(contract, Path(folder))
        lines, columns = sum(needed.values()), sum(len(table.columns) for table in contract.tables)
        for path, count in needed.items():
            out.writerow((contract.name, path.relative_to(PROJECT_ROOT), count))
        out.writerow((f"{contract.name}: {columns} columns", f"{len(needed)} files of {FILES}", f"{lines} of {LINES}"))
        for path, count in besides.items():
            out.writerow(("besides", path.relative_to(PROJECT_ROOT), count))
        missed += len(needed) > FILES or lines > LINES
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
