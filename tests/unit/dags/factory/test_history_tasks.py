"""Which files a run of the DAG `history` may load."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.errors import ConfigurationError
from tests.support.lakes import drop, lake


def test_files_below_the_drop_folder_in_order(tmp_path: Path) -> None:
    from dags.factory.history_tasks import files

    made = lake(tmp_path)
    wanted = [drop(made, name, "id\n") for name in ("a.csv", "b.csv")]
    drop(made, ".hidden.csv", "id\n")
    assert files(made, "office/*.csv") == wanted


@pytest.mark.parametrize("pattern", ["../../secret*", "/etc/host*", "", "office/none*", "office/link*"])
def test_nothing_outside_it(tmp_path: Path, pattern: str) -> None:
    from dags.factory.history_tasks import files

    made = lake(tmp_path / "home")
    (tmp_path / "secret.csv").write_text("id\n", encoding="utf-8")
    drop(made, "a.csv", "id\n").with_name("link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(ConfigurationError, match="no file below the drop folder"):
        files(made, pattern)
