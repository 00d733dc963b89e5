"""Headless Chromium for tests: Debian's browser, driven by Playwright. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import needs

QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SIZE = {"width": 1440, "height": 900}


@contextmanager
def page(**context: Any) -> Iterator[Any]:
    """An empty page that reaches this machine only. Skips the test where there is no browser."""
    browser = needs.chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=list(QUIET))
        opened = chromium.new_context(viewport=SIZE, **context)
        opened.route(lambda url: "127.0.0.1" not in url, lambda route: route.abort())
        try:
            yield opened.new_page()
        finally:
            opened.close()
            chromium.close()


def shot(shown: Any, folder: Path, name: str) -> Path:
    """A picture of the page as a person sees it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    shown.screenshot(path=path)
    return path
