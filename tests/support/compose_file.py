"""docker-compose.yml as Compose reads it: YAML with anchors, `${…}` filled in, env files joined.

Only the forms that file uses; another form is an error here, so that it cannot pass unread.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPO = Path(__file__).resolve().parents[2]
COMPOSE = REPO / "docker-compose.yml"
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE = re.compile(
    rf"\$(?:(?P<escaped>\$)|\{{(?P<name>{_NAME})(?:(?P<kind>:-|:\?)(?P<word>[^${{}}]*))?\}}|(?P<bad>))"
)


class MissingVariable(ValueError):
    """A `${NAME:?message}` without a value; the message is Compose's."""


def interpolate(text: str, variables: dict[str, str]) -> str:
    """The text with `${NAME}`, `${NAME:-default}`, `${NAME:?message}` and `$$` filled in."""

    def filled(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        if match["bad"] is not None:
            raise ValueError(f"a form of ${{…}} this reader does not know: {text}")
        value = variables.get(match["name"], "")
        if match["kind"] == ":?" and not value:
            raise MissingVariable(f"{match['name']}: {match['word']}")
        return value or (match["word"] or "" if match["kind"] == ":-" else "")

    return _VARIABLE.sub(filled, text)


def env_file(path: Path) -> dict[str, str]:
    """A file of NAME=value lines."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def raw() -> dict[str, Any]:
    """The file with its anchors resolved, `${…}` as written."""
    document = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def loaded(variables: dict[str, str]) -> dict[str, Any]:
    """The file as Compose would run it."""

    def walked(node: Any) -> Any:
        if isinstance(node, dict):
            return {key: walked(value) for key, value in node.items()}
        if isinstance(node, list):
            return [walked(value) for value in node]
        return interpolate(node, variables) if isinstance(node, str) else node

    return {key: walked(value) for key, value in raw().items()}


@dataclass(frozen=True)
class Image:
    """What a Dockerfile says, as far as a process of its last stage can see it."""

    copies: list[tuple[str, str]]
    """From the build context, to the folder in the image."""

    environment: dict[str, str]
    workdir: str
    bases: list[str]
    user: str | None
    text: str


def image(dockerfile: Path) -> Image:
    """Read a Dockerfile."""
    text = dockerfile.read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    said = [line.split(None, 1) for line in lines if line.strip() and not line.startswith("#")]
    copies: list[tuple[str, str]] = []
    environment: dict[str, str] = {}
    workdir, user, bases = "/", None, []
    for verb, rest in said:
        if verb == "FROM":
            bases.append(rest.split()[0])
            environment, user = {}, None
        elif verb == "WORKDIR":
            workdir = rest
        elif verb == "USER":
            user = rest
        elif verb == "ENV":
            environment.update(part.split("=", 1) for part in rest.split())
        elif verb == "COPY" and not rest.startswith("--from"):
            *sources, target = rest.split()
            copies += [(source, f"{workdir}/{target}") for source in sources]
    return Image(copies, environment, workdir, bases, user, text)
