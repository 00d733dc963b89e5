"""The API server's lake is opened once, and knows a contract that is written or spoiled later."""

from __future__ import annotations

import threading
from pathlib import Path

import yaml

from dags.today.lake import OneLake
from ingestion.lake import Lake
from ingestion.settings import Settings
from tests.support.small_contract import BASE


def test_one_lake_for_all_threads_with_the_contracts_of_now(tmp_path: Path) -> None:
    contracts = tmp_path / "contracts"
    (contracts / "office").mkdir(parents=True)
    file = contracts / "office" / "visit.yaml"
    one = OneLake(lambda: Settings(home=tmp_path, contracts=contracts))
    found: list[Lake] = []
    threads = [threading.Thread(target=lambda: found.append(one())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(lake) for lake in found}) == 1
    assert found[0].contracts == {}
    file.write_text(yaml.safe_dump(BASE, allow_unicode=True), encoding="utf-8")
    later = one()
    assert set(later.contracts) == {"office.visit"}
    assert later.log is found[0].log
    file.write_text("nothing: good", encoding="utf-8")
    assert set(one().broken) == {"office.visit"}
