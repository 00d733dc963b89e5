"""`citylake feed new SAMPLE`: every file a feed needs, from one file a department sent.

Owns which files there are and what stands in them before a person decides: the contract drafted from the sample
(ingestion.authoring.draft), its group among the data products, and what the simulated city sends. Staging and fact
follow from the contract (warehouse.modelling.files). No value of the sample is in any of them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from ingestion.authoring.draft import draft
from ingestion.authoring.known import Known
from ingestion.contract.load import load_contract
from ingestion.contract.model import Contract
from ingestion.errors import ConfigurationError
from warehouse.modelling.simulated import stub

_DELIVERY = "      delivery: snapshot"


def new_feed(
    sample: Path, *, department: str, feed: str, known: Known, contracts: Path, project: Path, simulator: Path | None
) -> dict[Path, str]:
    """Path to text of the files a person goes on with; the contract is first and asks for a fact where it can have one.

    `simulator` is the folder of simulated feeds, None where there is none. Writes the contract only, since the rest
    is made from it as it is read. Raises ConfigurationError where one of the files exists: nothing was written.
    """
    contract = contracts / department / f"{feed}.yaml"
    sent = simulator / department / f"{feed}.py" if simulator else None
    for path in (path for path in (contract, sent) if path is not None and path.exists()):
        raise ConfigurationError(f"{path} exists", left="nothing was written", next_step="give another --feed")
    said = replace(known, synthetic=simulator is not None)
    text = _with_fact(draft(sample, department=department, feed=feed, known=said), feed)
    write_files({contract: text})
    drafted = load_contract(contract)
    files = {contract: text} | _group(project, drafted)
    if sent is not None:
        package = sent.parent / "__init__.py"
        if not package.is_file():
            files[package] = f'"""Feeds of the department {department}: one module per feed."""\n'
        files[sent] = stub(drafted)
    return files


def write_files(files: Mapping[Path, str]) -> None:
    """Write each file, its folder included."""
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def organisation(project: Path, department: str) -> str | None:
    """The Chinese name of a department in the reference data, None where it is not listed."""
    path = project / "seeds" / "ref_department.csv"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    names = dict(line.split(",")[:2] for line in lines)
    name = names.get(department)
    return f"中山{name}" if name and name.startswith("市") else name


def neighbour(contracts: Mapping[str, Contract], department: str) -> Contract | None:
    """Another contract of the department, the first by name."""
    return next((one for _, one in sorted(contracts.items()) if one.department == department), None)


def _with_fact(text: str, feed: str) -> str:
    """The draft as a feed that grows, with a fact for its table, where that has a key and a time."""
    if f"        {feed}:\n          event_time:" not in text or "primaryKey: true" not in text:
        return text
    interval = f"{_DELIVERY.replace('snapshot', 'interval')}  # decide: snapshot, interval (with correction) or events"
    lines = [line for line in text.splitlines() if not line.startswith(_DELIVERY)]
    place = lines.index(f"      feed: {feed}") + 1
    lines[place:place] = [interval, "      correction: full  # decide: full, or delta by key"]
    table = lines.index(f"        {feed}:") + 1
    lines.insert(table, "          fact: {}")
    return "\n".join(lines) + "\n"


def _group(project: Path, contract: Contract) -> dict[Path, str]:
    """`_groups.yml` with the product in it, under the feed's title and with the first product's owner, until somebody
    says another."""
    path = project / "models" / "_groups.yml"
    text = path.read_text(encoding="utf-8")
    groups = yaml.safe_load(text)["groups"]
    product = contract.product
    if product in [group["name"] for group in groups]:
        return {}
    title = {"zh": contract.title or product, "en": product.replace("_", " ").capitalize()}
    entry = {"name": product, "config": {"meta": {"title": title}}, "owner": groups[0]["owner"]}
    added = yaml.safe_dump([entry], allow_unicode=True, sort_keys=False, width=120)
    return {path: text.rstrip("\n") + "\n" + textwrap.indent(added, "  ")}
