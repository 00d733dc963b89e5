"""A paged JSON API for tests, over the server of tests.support.web."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.support.web import Answer, Asked, Server

Record = dict[str, Any]
PATH = "/api/readings"


def readings(ids: Sequence[object], value: object = 1) -> list[Record]:
    return [{"id": str(one), "seen": "2026-03-02", "value": value} for one in ids]


@dataclass
class Api:
    """Serves `records` in pages of `size`, found by the way `by` says. `adds` gives more members to each page."""

    server: Server
    records: list[Record]
    by: str = "cursor"
    size: int = 2
    adds: Callable[[int], Record] = lambda _: {}
    before: Callable[[int], Answer | None] = lambda _: None
    served: int = 0
    bodies: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.server.routes[PATH] = self.answer

    def answer(self, asked: Asked) -> Answer:
        self.served += 1
        fault = self.before(self.served)
        if fault is not None:
            return fault
        start = self._start(asked)
        stop = start + self.size
        more = stop < len(self.records)
        page: Record = {"data": self.records[start:stop], **self.adds(self.served)}
        headers = {"Content-Type": "application/json"}
        if more and self.by == "cursor":
            page["next"] = f"after-{stop}"
        elif more and self.by == "next_link":
            page["next"] = f"{self.server.url}{PATH}?day=2026-03-02&from={stop}"
        elif more and self.by == "link_header":
            headers["Link"] = f'<{PATH}?day=2026-03-02&from={stop}>; rel="next", <{PATH}>; rel="first"'
        elif more and self.by == "token":
            headers["X-Next-Token"] = f"after-{stop}"
        body = json.dumps(page).encode()
        self.bodies.append(body)
        return Answer(body, headers=headers)

    def _start(self, asked: Asked) -> int:
        query = asked.query
        if self.by in ("cursor", "token"):
            return int(query.get("cursor", "after-0").removeprefix("after-"))
        if self.by == "page":
            return (int(query["page"]) - 1) * self.size
        return int(query.get("from", "0"))
