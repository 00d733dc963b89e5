"""The runbooks as web pages, written beside dbt's documentation where the static pages are served.

Owns where they lie (`runbooks/<name>.html`), how they look, and how other pages and messages point to one. The texts
are docs/runbooks/*.md; a link to a file that is no runbook stays as its words.
"""

from __future__ import annotations

import html
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.errors import StoreError
from ingestion.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from markdown_it.token import Token

SOURCE = PROJECT_ROOT / "docs" / "runbooks"
FOLDER = "runbooks"

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title} · citylake</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1f2933; background: #fff; overflow-wrap: anywhere; }}
a {{ color: #0b5394; }} table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
th, td {{ border: 1px solid #b8c0c8; padding: .3rem .6rem; text-align: left; vertical-align: top; min-width: 8rem; }}
code, pre {{ background: #f0f2f5; padding: .1rem .3rem; }} pre {{ overflow-x: auto; padding: .6rem; }}
pre code {{ padding: 0; }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #e4e8ec; background: #16191d; }} a {{ color: #8ab8f0; }} code, pre {{ background: #252a31; }}
  th, td {{ border-color: #4a525c; }}
}}
</style>
<nav><a href="../index.html">citylake</a> · <a href="index.html">runbooks 运维手册</a></nav>
<main>
{body}</main>
</html>
"""


def runbook(settings: Settings, name: str) -> str:
    """Where a person reads a runbook: its address, or its path in the project where no pages are served."""
    base = settings.pages_url
    return f"{base.rstrip('/')}/{FOLDER}/{name}.html" if base else f"docs/runbooks/{name}.md"


def runbook_link(settings: Settings, name: str) -> str:
    """The same in Markdown: a link with the runbook's title, or its path."""
    if not settings.pages_url:
        return f"`{runbook(settings, name)}`"
    return f"[{_title(SOURCE / f'{name}.md')}]({runbook(settings, name)})"


def write_runbooks(pages: Path) -> list[Path]:
    """Write every runbook and `index.html` into `<pages>/runbooks`, each replaced in one step; their paths.

    Raises StoreError; pages that were there stay.
    """
    folder = pages / FOLDER
    sources = sorted(SOURCE.glob("*.md"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = [_write(folder / f"{path.stem}.html", _page(path)) for path in sources]
        return [*written, _write(folder / "index.html", _index(sources))]
    except OSError as error:
        raise StoreError(
            f"the runbooks cannot be written to {folder}: {error.strerror or error}",
            left="pages that were there stay",
            next_step="free space or correct the rights of the folder, then `citylake runbooks`",
        ) from error


def _page(path: Path) -> str:
    from markdown_it import MarkdownIt

    # HTML in a runbook is shown as text.
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(path.read_text(encoding="utf-8"))
    for token in tokens:
        if token.children:
            token.children = _linked(token.children)
    body = markdown.renderer.render(tokens, markdown.options, {})
    return _PAGE.format(title=html.escape(_title(path)), body=body)


def _linked(tokens: list[Token]) -> list[Token]:
    """Links to runbooks lead to their pages, others to the web; one to another file is left out, its words stay."""
    kept: list[Token] = []
    dropped = 0
    for token in tokens:
        if token.type == "link_open":
            target = str(token.attrGet("href"))
            name, _, place = target.partition("#")
            if (SOURCE / name).is_file() and "/" not in name and name.endswith(".md"):
                token.attrSet("href", f"{name.removesuffix('.md')}.html{f'#{place}' if place else ''}")
            elif not target.startswith(("https://", "http://", "#")):
                dropped += 1
                continue
        elif token.type == "link_close" and dropped:
            dropped -= 1
            continue
        kept.append(token)
    return kept


def _index(sources: list[Path]) -> str:
    items = "".join(f'<li><a href="{path.stem}.html">{html.escape(_title(path))}</a></li>\n' for path in sources)
    return _PAGE.format(title="Runbooks", body=f"<h1>Runbooks 运维手册</h1>\n<ul>\n{items}</ul>\n")


def _title(path: Path) -> str:
    """The text of the first heading."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix("# ").strip()


def _write(path: Path, text: str) -> Path:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    return partial.replace(path)
