"""Runbooks as web pages: all of them, and every one that is named anywhere is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import lxml.html
import pytest

from ingestion.errors import StoreError
from ingestion.settings import PROJECT_ROOT, Settings
from warehouse.runbooks import SOURCE, runbook, runbook_link, write_runbooks

NAMES = {path.stem for path in SOURCE.glob("*.md")}


def test_every_runbook_is_a_page_and_every_link_on_them_resolves(tmp_path: Path) -> None:
    written = write_runbooks(tmp_path)
    assert {path.stem for path in written} == NAMES | {"index"}
    assert all(path.parent == tmp_path / "runbooks" for path in written)
    (tmp_path / "index.html").touch()
    for path in written:
        page = lxml.html.fromstring(path.read_text(encoding="utf-8"))
        for link in page.xpath("//a/@href"):
            assert link.startswith("https://") or (path.parent / link.partition("#")[0]).is_file(), (path.name, link)
    index = lxml.html.fromstring(written[-1].read_text(encoding="utf-8"))
    assert {link.removesuffix(".html") for link in index.xpath("//li/a/@href")} == NAMES


def test_every_runbook_that_is_named_exists() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT_ROOT, capture_output=True, check=True).stdout
    named: dict[str, str] = {}
    for entry in listed.decode().split("\0"):
        path = PROJECT_ROOT / entry
        if path.suffix in (".py", ".md", ".yml", ".yaml", ".sh", ".example") and path.is_file():
            text = path.read_text(encoding="utf-8")
            named |= dict.fromkeys(re.findall(r"docs/runbooks/([a-z-]+)\.md", text), entry)
            named |= dict.fromkeys(
                re.findall(r"runbook(?:_at|_link)?\((?:settings, )?[\"']([a-z-]+)[\"']", text), entry
            )
    assert named
    assert not {name: where for name, where in named.items() if name not in NAMES}


def test_what_a_runbook_says_in_html_is_shown_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from warehouse import runbooks

    source = tmp_path / "runbooks"
    source.mkdir()
    (source / "one.md").write_text(
        "# One <b>bold</b>\n\n<script>alert(1)</script> [two](two.md#part) [out](../adr/0001.md) [web](https://a.b/)\n"
        "[bad](javascript:alert(1))\n\n| a | b |\n|---|---|\n| `c` | d |\n",
        encoding="utf-8",
    )
    (source / "two.md").write_text("# Two\n", encoding="utf-8")
    monkeypatch.setattr(runbooks, "SOURCE", source)
    text = write_runbooks(tmp_path / "pages")[0].read_text(encoding="utf-8")
    page = lxml.html.fromstring(text)
    assert not page.xpath("//script|//b")
    assert page.xpath("//main//a/@href") == ["two.html#part", "https://a.b/"]
    assert "out" in page.text_content()
    assert page.xpath("//td/code/text()") == ["c"]


def test_a_runbook_is_an_address_where_pages_are_served_and_a_path_elsewhere() -> None:
    served = Settings(pages_url="http://127.0.0.1:4422/")
    assert runbook(served, "rollback") == "http://127.0.0.1:4422/runbooks/rollback.html"
    assert runbook_link(served, "rollback") == "[Taking a release back](http://127.0.0.1:4422/runbooks/rollback.html)"
    assert runbook(Settings(pages_url=None), "rollback") == "docs/runbooks/rollback.md"
    assert runbook_link(Settings(pages_url=None), "rollback") == "`docs/runbooks/rollback.md`"


def test_a_folder_that_cannot_be_written_is_an_error_that_says_what_stays(tmp_path: Path) -> None:
    (tmp_path / "runbooks").write_text("in the way", encoding="utf-8")
    with pytest.raises(StoreError, match="runbooks cannot be written") as raised:
        write_runbooks(tmp_path)
    assert "pages that were there stay" in str(raised.value)
