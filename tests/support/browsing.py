"""What a browser says about a page: broken accessibility rules, overflow, other hosts, errors in its console.

`browser` gives one Chromium; `Browser.login` a page of an account of a stack's Airflow, logged in as a person would.
`examine` looks at a page at both widths, light and dark, in both languages, and says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

from tests.support import needs
from tests.support.chromium import QUIET

LANGUAGES = ("zh", "en")
SIZES = {"desk": (1280, 900), "phone": (390, 844)}
SCHEMES = ("light", "dark")
HERE = "127.0.0.1"
_OVERFLOW = """() => [...document.querySelectorAll("body *")].filter(e => {
    const box = e.getBoundingClientRect(), clipped = e.closest("[data-scroll], .unseen, .scroll");
    return box.width && box.right > window.innerWidth + 1 && !clipped
}).map(e => e.tagName + "." + e.className + " " + Math.round(e.getBoundingClientRect().right)).slice(0, 3)"""
_WIDTH = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Watched:
    """One page and what went wrong on it: requests to other hosts, errors in its console."""

    page: Any
    other_hosts: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def clean(self) -> list[str]:
        """What went wrong since the last call."""
        found = [f"asks another host: {one}" for one in self.other_hosts] + [f"error: {one}" for one in self.errors]
        self.other_hosts.clear()
        self.errors.clear()
        return found


@dataclass
class Browser:
    """One Chromium."""

    chromium: Any
    opened: list[Any] = field(default_factory=list)

    def page(self, **context: Any) -> Watched:
        """An empty page in a context of its own; what is not on this machine is blocked and noted."""
        width, height = SIZES["desk"]
        made = self.chromium.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **context)
        self.opened.append(made)
        watched = Watched(made.new_page())

        def block(route: Any) -> None:
            watched.other_hosts.append(route.request.url)
            route.abort()

        made.route(lambda url: urlsplit(url).scheme.startswith("http") and urlsplit(url).hostname != HERE, block)
        watched.page.on("console", lambda said: said.type == "error" and watched.errors.append(said.text))
        watched.page.on("pageerror", lambda error: watched.errors.append(str(error)))
        return watched

    def login(self, url: str, account: str, password: str) -> Watched:
        """A page on which the account is logged in to Airflow at `url`."""
        watched = self.page()
        shown = watched.page
        shown.goto(url)
        shown.fill("input[name=username]", account)
        shown.fill("input[name=password]", password)
        shown.click("button[type=submit]")
        shown.wait_for_url(lambda address: "login" not in address)
        watched.clean()
        return watched


@contextmanager
def browser() -> Iterator[Browser]:
    """Chromium for several pages. Skips the test where there is none."""
    program = needs.chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = Browser(playwright.chromium.launch(executable_path=program, args=list(QUIET)))
        try:
            yield made
        finally:
            for context in made.opened:
                context.close()
            made.chromium.close()


def examine(watched: Watched, url: str) -> list[str]:
    """What is wrong with the page at `url`, each with language, size and colours; empty for nothing."""
    shown, found = watched.page, []
    for language in LANGUAGES:
        shown.goto(f"{url}{'&' if '?' in url else '?'}lang={language}")
        declared = str(shown.get_attribute("html", "lang"))
        found += [] if declared.startswith(language) else [f"{url}: declares {declared!r}, shown in {language}"]
        found += examine_shown(watched)
    return found


def examine_shown(watched: Watched) -> list[str]:
    """What is wrong with the page that is shown, at both widths, light and dark."""
    shown, found = watched.page, []
    language, path = shown.get_attribute("html", "lang"), urlsplit(shown.url).path
    for size, (width, height) in SIZES.items():
        shown.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            shown.emulate_media(color_scheme=scheme)
            found += [f"{path} {language} {size} {scheme}: {problem}" for problem in problems(watched)]
    width, height = SIZES["desk"]
    shown.set_viewport_size({"width": width, "height": height})
    shown.emulate_media(color_scheme=SCHEMES[0])
    return found


def problems(watched: Watched) -> list[str]:
    """What is wrong with the page as it is shown now."""
    axe = Axe()
    if not watched.page.evaluate("'axe' in window"):
        watched.page.evaluate(axe.axe_script)
    violations = watched.page.evaluate("axe.run({resultTypes: ['violations']}).then(found => found.violations)")
    found = [
        f"axe {one['id']}: {one['help']}: {node['target']} {node['html'][:120]}"
        for one in violations
        for node in one["nodes"][:2]
    ]
    if watched.page.evaluate(_WIDTH) > 0:
        found.append(f"wider than the window: {watched.page.evaluate(_OVERFLOW)}")
    return found + watched.clean()
