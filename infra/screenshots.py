"""`make screenshots`: pictures of the page "today" for the documentation, taken of the demonstration while it runs.

Owns which pictures there are and how each is shown. What is on them follows from the status: the feed whose delivery is
refused, the product that is blocked. Every value on them is synthetic.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from infra.stack.processes import StackError
from infra.stack.stack import Stack
from ingestion.errors import CitylakeError
from ingestion.lake import open_lake
from ingestion.settings import Settings

if TYPE_CHECKING:
    from warehouse.status.model import Status

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
DESK, PHONE = (1280, 900), (390, 844)
_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


@dataclass(frozen=True)
class Picture:
    """One picture: `path` gives the page's address below /today for a status. `whole`: all of the page, not only what
    is seen without scrolling."""

    name: str
    path: Callable[[Status], str]
    language: str = "zh"
    account: str = "operator"
    size: tuple[int, int] = DESK
    scheme: str = "light"
    whole: bool = False


def _refused(status: Status) -> str:
    for line in status.feeds:
        if line.last is not None and line.state == "refused":
            return f"refused/{quote(line.feed)}/{quote(line.last.batch)}"
    raise StackError("no delivery is refused, so there is no picture of one", next_step="make demo HOME_DIR=new-folder")


def _blocked(status: Status) -> str:
    blocked = [line for line in status.products if line.verdict == "blocked"]
    if not blocked:
        raise StackError("no product is blocked", next_step="make demo HOME_DIR=new-folder")
    # The one that other products wait for.
    first = max(blocked, key=lambda line: sum(line.product in reason for one in blocked for reason in one.reasons))
    return f"product/{quote(first.product)}"


PICTURES = (
    Picture("today-zh", lambda _: ""),
    Picture("today-phone-en", lambda _: "", "en", size=PHONE, scheme="dark"),
    Picture("refused-rows-zh", _refused, account="steward"),
    Picture("product-en", _blocked, "en"),
    Picture("outbox-zh", lambda _: "outbox", account="steward"),
)


def screenshots(
    home: Annotated[Path, typer.Option("--home", help="Folder of the demonstration's lake.")] = Path(".citylake"),
    out: Annotated[Path, typer.Option("--out", help="Folder of the pictures.")] = IMAGES,
) -> None:
    """Take the pictures of the documentation; the demonstration must be running."""
    try:
        for path in take(home, out):
            typer.echo(str(path))
    except CitylakeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


def take(home: Path, out: Path) -> Iterator[Path]:
    """Take every picture; their files. Raises StackError where the demonstration does not run or has nothing to
    show."""
    from warehouse.status.read import read_status

    settings = Settings.at(home)
    stack = Stack(settings)
    if not stack.running():
        raise StackError("the demonstration does not run", next_step="make demo")
    status = read_status(open_lake(settings))
    out.mkdir(parents=True, exist_ok=True)
    with _chromium() as chromium:
        for picture in PICTURES:
            yield _take(chromium, stack, picture, picture.path(status), out)


def _take(chromium: Any, stack: Stack, picture: Picture, path: str, out: Path) -> Path:
    width, height = picture.size
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=picture.scheme)
    try:
        shown = context.new_page()
        shown.goto(stack.airflow.url)
        shown.fill("input[name=username]", picture.account)
        shown.fill("input[name=password]", stack.secrets.accounts[picture.account].get_secret_value())
        shown.click("button[type=submit]")
        shown.wait_for_url(lambda url: "login" not in url)
        shown.goto(f"{stack.today_url}/{path}?lang={picture.language}")
        file = out / f"{picture.name}.png"
        shown.screenshot(path=file, full_page=picture.whole)
        return file
    finally:
        context.close()


@contextmanager
def _chromium() -> Iterator[Any]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        raise StackError("no browser is installed", next_step="apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=list(_OPTIONS))
        try:
            yield chromium
        finally:
            chromium.close()


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(screenshots)
    sys.exit(app())
