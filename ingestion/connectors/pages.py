"""One page of a JSON API: what it says about its records and about what follows.

Pages are read by DuckDB, with the paths conform reads them by, so that the end of paging is found by
the same count as the records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import httpx

from ingestion.connectors.onward import shown
from ingestion.connectors.trouble import Again, Trouble
from ingestion.contract.sources import JsonApi


@dataclass(frozen=True)
class Page:
    """`records` counted, `next` the cursor or link in the body, `link` that of the headers (names in lower case).

    `url` is where the page was in the end, after redirects: links are relative to it.
    """

    body: bytes
    records: int
    next: str | None
    total: str | None
    snapshot: str | None
    headers: Mapping[str, str]
    link: str | None
    url: httpx.URL


class PageReader:
    """Reads the pages of one pass and remembers their ids."""

    def __init__(self, source: JsonApi, records: str, encoding: str) -> None:
        self._source = source
        self._records = records
        self._encoding = encoding
        self._connection = duckdb.connect(config={"enable_external_access": False, "threads": 1})
        self._connection.execute("create table seen (id varchar)")

    def close(self) -> None:
        """Forget the ids."""
        self._connection.close()

    def read(self, body: bytes, response: httpx.Response) -> Page:
        """The page. Raises Again where it is no JSON, Trouble where it has no list of records."""
        where = shown(response.url)
        try:
            text = body.decode(self._encoding).removeprefix("\ufeff")
        except UnicodeDecodeError:
            raise Again(f"sent a page that is not {self._encoding}", where) from None
        valid = self._connection.execute("select json_valid($1)", [text]).fetchone()
        if not valid or not valid[0]:
            raise Again("sent a page that is not JSON", where)
        source = self._source
        asked = [source.paging.next or "$", source.total or "$", source.snapshot or "$"]
        row = self._connection.execute(
            "select json_type($1, $2), json_array_length($1, $2),"
            " json_extract_string($1, $3), json_extract_string($1, $4), json_extract_string($1, $5)",
            [text, self._records, *asked],
        ).fetchone()
        kind, count, following, total, snapshot = row or (None, 0, None, None, None)
        if kind != "ARRAY":
            raise Trouble(f"sent no list of records at {self._records} but {self._members(text)}", where)
        if source.id is not None and count:
            path = f"{self._records}[*]{source.id.removeprefix('$')}"
            self._connection.execute("insert into seen select unnest(json_extract_string($1, $2))", [text, path])
        return Page(
            body=body,
            records=int(count),
            next=following if source.paging.next else None,
            total=total if source.total else None,
            snapshot=snapshot if source.snapshot else None,
            headers=dict(response.headers),
            link=_next_link(response),
            url=response.url,
        )

    def repeated(self) -> int:
        """Ids that came more than once in this pass."""
        query = "select count(*) from (select id from seen where id is not null group by id having count(*) > 1)"
        row = self._connection.execute(query).fetchone()
        return int(row[0]) if row else 0

    def _members(self, text: str) -> str:
        row = self._connection.execute("select try(json_keys($1))", [text]).fetchone()
        names = list(row[0] or [])[:10] if row else []
        return f"an object with {', '.join(names)}" if names else "something else"


def _next_link(response: httpx.Response) -> str | None:
    """The link of relation `next`: without regard to case, alone or among others (RFC 8288)."""
    for link in response.links.values():
        if "next" in link.get("rel", "").lower().split():
            return link.get("url")
    return None
