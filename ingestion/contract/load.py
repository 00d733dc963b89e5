"""Load contracts from one file, or from a folder of `<department>/<feed>.yaml`.

Reading is strict at every level and reports all problems of a file together (InvalidContract, a ContractError). No SQL
engine is imported, as every DAG parse reads every contract.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ingestion.contract.database_checks import pair_problems
from ingestion.contract.model import Contract
from ingestion.contract.problem import InvalidContract, Problem, choices
from ingestion.contract.resolve import resolve
from ingestion.contract.yaml_text import read_yaml
from ingestion.errors import ContractError


def load_contract(path: Path) -> Contract:
    """Load one contract. Raises InvalidContract: file, line, key path, what is wrong, what is allowed."""
    raw, report = read_yaml(path)
    return resolve(raw, path, report)


@dataclass(frozen=True)
class Feeds:
    """The contracts of a folder by `department.feed`, and the problems of the files that could not be loaded.

    `broken` is keyed by the feed that the file's path stands for, or by the path where it stands for none.
    """

    contracts: dict[str, Contract] = field(default_factory=dict)
    broken: dict[str, tuple[Problem, ...]] = field(default_factory=dict)

    @property
    def active(self) -> dict[str, Contract]:
        """The contracts with status `active`, whose feeds are ingested."""
        return {name: contract for name, contract in self.contracts.items() if contract.is_active}

    @property
    def problems(self) -> list[Problem]:
        """Every problem of every file."""
        return [problem for found in self.broken.values() for problem in found]


def load_contracts(folder: Path) -> dict[str, Contract]:
    """All contracts below `folder`, keyed and sorted by `department.feed`, for callers that need every one of them.

    Raises InvalidContract with the problems of all files, ContractError where the folder is missing.
    """
    feeds = read_feeds(folder)
    if feeds.broken:
        raise InvalidContract(feeds.problems)
    return feeds.contracts


def read_feeds(folder: Path) -> Feeds:
    """The contracts that could be loaded and the problems of the others, so that one wrong file stops no other feed.

    Raises ContractError where the folder is missing or cannot be listed.
    """
    if not folder.is_dir():
        raise ContractError(
            f"no contracts folder {folder}", next_step="set CITYLAKE_CONTRACTS to the folder of contract files"
        )
    feeds = Feeds()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        try:
            contract = load_contract(_contract_path(path, folder))
            problems = (*_path_problems(contract, folder), *_duplicate_ids(contract, feeds.contracts))
        except InvalidContract as error:
            problems = error.problems
        except Exception as error:
            problems = (Problem(str(path), "", f"cannot be read: {type(error).__name__}: {error}"),)
        if problems:
            feeds.broken[_feed_name(path, folder)] = problems
        else:
            feeds.contracts[contract.name] = contract
    for name, problems in pair_problems(feeds.contracts, frozenset(feeds.broken)).items():
        feeds.broken[name] = problems
        del feeds.contracts[name]
    return Feeds(dict(sorted(feeds.contracts.items())), feeds.broken)


def _feed_name(path: Path, folder: Path) -> str:
    """`department.feed` of a file at `<department>/<feed>.yaml`; for any other file its path."""
    place = path.relative_to(folder)
    return f"{place.parts[0]}.{path.stem}" if len(place.parts) == 2 and path.suffix == ".yaml" else str(place)  # noqa: PLR2004 - department, feed


def _contract_path(path: Path, folder: Path) -> Path:
    """The path, if it is `<department>/<feed>.yaml`. Raises InvalidContract, so that no feed is silently left out."""
    if path.suffix != ".yaml" or len(path.relative_to(folder).parts) != 2:  # noqa: PLR2004 - department, feed
        raise InvalidContract([Problem(str(path), "", "not <department>/<feed>.yaml; move or remove the file")])
    return path


def _path_problems(contract: Contract, folder: Path) -> list[Problem]:
    department, name = contract.path.relative_to(folder).parts
    problems = []
    for key, declared, expected in (
        ("department", contract.department, department),
        ("feed", contract.feed, Path(name).stem),
    ):
        if declared != expected:
            message = f"{declared!r} does not match the path; {choices(declared, [expected])}"
            problems.append(Problem(str(contract.path), key, message))
    return problems


def _duplicate_ids(contract: Contract, others: dict[str, Contract]) -> list[Problem]:
    return [
        Problem(str(contract.path), "id", f"{contract.id!r} is already the id of {other.path}")
        for other in others.values()
        if other.id == contract.id
    ]
