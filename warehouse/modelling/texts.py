"""YAML text of generated dbt files, and the line by which they are known.

Owns how they look: lists indented below their key, descriptions as blocks, what stands in `Compact` on one line.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import yaml

REPAIR = "make generate"
WRITTEN = "Written from the "
"""What the first line of every generated file says after its comment mark."""
_WIDTH = 110


class Compact(dict[str, Any]):
    """A mapping written on one line where it fits."""


def header(origin: str, edit: str) -> str:
    """The first line of a generated file without its comment mark."""
    return f"{WRITTEN}{origin} by `{REPAIR}`; edit {edit}, not this file."


def yaml_text(origin: str, edit: str, body: dict[str, Any]) -> str:
    """The text of a YAML file that is written from `origin` and changed by editing `edit`."""
    text = yaml.dump(body, Dumper=_Indented, allow_unicode=True, sort_keys=False, width=_WIDTH)
    return f"# {header(origin, edit)}\n{text}"


def is_generated(text: str) -> bool:
    """Whether a file's text says that it is generated."""
    return text.split("\n", 1)[0].lstrip("#- ").startswith(WRITTEN)


class _Indented(yaml.SafeDumper):
    """Lists indented below their key, as the hand-written files have them."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


def _compact(dumper: yaml.SafeDumper, value: Compact) -> yaml.MappingNode:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=True)


def _number(dumper: yaml.SafeDumper, value: Decimal) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:float", str(value))


_Indented.add_representer(str, _text)
_Indented.add_representer(Decimal, _number)
_Indented.add_representer(Compact, _compact)
