"""How the parts of a lake are opened together: hosts of one lake have one pseudonym key."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingestion import keys
from ingestion.errors import ConfigurationError
from ingestion.lake import open_lake
from ingestion.settings import Settings

KEY, OTHER = SecretStr("5a" * 32), SecretStr("5b" * 32)


def host(tmp_path: Path, name: str, key: SecretStr | None) -> Settings:
    """A host with a home of its own on one store."""
    return Settings(home=tmp_path / name, store=f"file://{tmp_path / 'store'}", pseudonym_key=key)


def test_a_host_with_another_pseudonym_key_is_refused(tmp_path: Path) -> None:
    first = open_lake(host(tmp_path, "first", KEY))
    assert first.keys.version == 1
    stored = first.store.get_bytes(keys.key_check(1)).decode()
    assert KEY.get_secret_value() not in stored
    assert open_lake(host(tmp_path, "second", KEY)).keys == first.keys
    with pytest.raises(ConfigurationError, match="version 1 on this host is not the one") as told:
        _ = open_lake(host(tmp_path, "third", OTHER)).keys
    assert OTHER.get_secret_value() not in str(told.value)
    assert "next:  copy the key file" in str(told.value)
    assert first.store.get_bytes(keys.key_check(1)).decode() == stored


def test_of_hosts_that_start_a_new_lake_at_once_one_makes_the_key(tmp_path: Path) -> None:
    """Each has a key of its own; all but one are then refused, and none conforms with another key."""
    outcomes: list[str] = []
    # One home, so that their lock files exclude them as a database does hosts.
    lakes = [open_lake(host(tmp_path, "home", SecretStr(f"{n:02x}" * 32))) for n in range(4)]
    ready = threading.Barrier(len(lakes))

    def start(number: int) -> None:
        ready.wait()
        try:
            outcomes.append(lakes[number].keys.check)
        except ConfigurationError:
            outcomes.append("refused")

    threads = [threading.Thread(target=start, args=(n,)) for n in range(len(lakes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes)[-3:] == ["refused"] * 3
    assert lakes[0].store.get_bytes(keys.key_check(1)).decode() in outcomes
