"""Who a process is, by the kernel: the environment is not believed."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from ingestion.machine.accounts import login, process_account


def test_the_environment_names_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "USERNAME", "SUDO_USER"):
        monkeypatch.setenv(name, "somebody.else")
    assert process_account() == pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize(("said", "account"), [("0", "root"), ("4294967295", None), ("", None), ("4000000001", "uid")])
def test_the_login_behind_the_process(tmp_path: Path, said: str, account: str | None) -> None:
    path = tmp_path / "loginuid"
    path.write_text(said, encoding="ascii")
    assert login(path) == ("uid 4000000001" if account == "uid" else account)
    assert login(tmp_path / "none") is None
