"""Contract files into `Contract` objects: one file, or a folder `<department>/<feed>.yaml`.

Reading is strict at every level and reports all problems together (InvalidContract, a
ContractError). Nothing here imports a SQL engine: every DAG parse reads every contract.
"""

from __future__ import annotations

from pathlib import Path

from ingestion.contract.model import Contract
from ingestion.contract.problem import InvalidContract, Problem, choices
from ingestion.contract.resolve import resolve
from ingestion.contract.yaml_text import read_yaml
from ingestion.errors import ContractError


def load_contract(path: Path) -> Contract:
    """One contract. Raises InvalidContract: file, line, key path, what is wrong, what is allowed."""
    raw, report = read_yaml(path)
    return resolve(raw, path, report)


def load_contracts(folder: Path) -> dict[str, Contract]:
    """Every contract below `folder`, keyed and sorted by `department.feed`.

    Raises InvalidContract with the problems of all files, ContractError where the folder is missing.
    """
    contracts, problems = read_contracts(folder)
    if problems:
        raise InvalidContract(problems)
    return contracts


def read_contracts(folder: Path) -> tuple[dict[str, Contract], list[Problem]]:
    """What could be read, and what is wrong with the rest."""
    if not folder.is_dir():
        raise ContractError(
            f"no contracts folder {folder}", next_step="set CITYLAKE_CONTRACTS to the folder of contract files"
        )
    contracts: dict[str, Contract] = {}
    problems: list[Problem] = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        try:
            contract = load_contract(_expected(path, folder))
        except InvalidContract as error:
            problems.extend(error.problems)
            continue
        problems.extend(_misplaced(contract, folder))
        problems.extend(_same_id(contract, contracts))
        contracts[contract.name] = contract
    return dict(sorted(contracts.items())), problems


def _expected(path: Path, folder: Path) -> Path:
    """The path itself where it is a contract's; a stray file would otherwise be a feed silently left out."""
    if path.suffix != ".yaml" or len(path.relative_to(folder).parts) != 2:  # noqa: PLR2004 - department, feed
        raise InvalidContract([Problem(str(path), "", "not <department>/<feed>.yaml; move or remove the file")])
    return path


def _misplaced(contract: Contract, folder: Path) -> list[Problem]:
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


def _same_id(contract: Contract, others: dict[str, Contract]) -> list[Problem]:
    return [
        Problem(str(contract.path), "id", f"{contract.id!r} is already the id of {other.path}")
        for other in others.values()
        if other.id == contract.id
    ]
