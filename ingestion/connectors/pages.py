"""One page of a JSON API: what it says about its records and about what follows.

Pages are read by DuckDB, with the paths conform reads them by, so that the end of paging is found by
the same count as the records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import httpx

from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError
from ingestion.connectors.onward import shown
from ingestion.contract.sources import JsonApi
from ingestion.machine.engines import restrict
from ingestion.values.hashes import sha256_of_bytes

_BLANK = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""Unicode White_Space and U+FEFF."""
_WHOLE = re.compile(r"[+]?0*([0-9]{1,18})(?:\.0*)?")
_CONTENT_RANGE = re.compile(r"(?:[A-Za-z-]+ )?(?:[0-9]+-[0-9]+|\*)/([0-9]+|\*)")
"""RFC 9110, 14.4, with or without a unit, as APIs write it for records."""


@dataclass(frozen=True)
class Page:
    """`records` counted, `next` the cursor or link in the body, `link` that of the headers (names in lower case).

    `total`, `page_count`, `count` and `snapshot` are what the page declares, as text; None where it does not.
    `digest` is the sha256 of the list of records: what a page says of itself, such as its time, is not in it.
    `url` is where the page was in the end, after redirects: links are relative to it.
    """

    body: bytes
    records: int
    digest: str
    next: str | None
    total: str | None
    page_count: str | None
    count: str | None
    snapshot: str | None
    headers: Mapping[str, str]
    link: str | None
    url: httpx.URL

    def whole(self) -> dict[str, str | None]:
        """What the page says about all pages, by its name in the contract."""
        return {"total": self.total, "page_count": self.page_count, "snapshot": self.snapshot}


@dataclass(frozen=True)
class Ids:
    """The ids of one pass: how many are `different`, how many of these `repeated`, and records `without` one."""

    different: int
    repeated: int
    without: int


class PageReader:
    """Reads the pages of one pass and remembers their ids."""

    def __init__(self, source: JsonApi, records: str, encoding: str) -> None:
        self._source = source
        self._records = records
        self._encoding = encoding
        self._connection = duckdb.connect(config={"threads": 1})
        restrict(self._connection)
        self._connection.execute("create table seen (id varchar)")

    def close(self) -> None:
        """Forget the ids."""
        self._connection.close()

    def read(self, body: bytes, response: httpx.Response) -> Page:
        """The page. Raises RetryableFetchError where it is no JSON, FetchError where it has no list of records."""
        where = shown(response.url)
        try:
            text = body.decode(self._encoding).removeprefix("\ufeff")
        except UnicodeDecodeError:
            raise RetryableFetchError(f"sent a page that is not {self._encoding}", where) from None
        valid = self._connection.execute("select json_valid($1)", [text]).fetchone()
        if not valid or not valid[0]:
            raise RetryableFetchError("sent a page that is not JSON", where)
        source = self._source
        asked = [path or "$" for path in (source.paging.next, source.total, source.page_count, source.count)]
        row = self._connection.execute(
            "select json_type($1, $2), json_array_length($1, $2), cast(json_extract($1, $2) as varchar),"
            " json_extract_string($1, [$3, $4, $5, $6, $7])",
            [text, self._records, *asked, source.snapshot or "$"],
        ).fetchone()
        kind, count, records, said = row or (None, 0, "", [None] * 5)
        if kind != "ARRAY":
            raise FetchError(f"sent no list of records at {self._records} but {self._members(text)}", where)
        following, total, page_count, own, snapshot = said
        if source.id is not None and count:
            self._remember(text, source.id, int(count))
        header = response.headers.get(source.total_header) if source.total_header else None
        return Page(
            body=body,
            records=int(count),
            digest=sha256_of_bytes(records.encode("utf-8", "surrogatepass")),
            next=following if source.paging.next else None,
            total=total if source.total else header_total(header),
            page_count=page_count if source.page_count else None,
            count=own if source.count else None,
            snapshot=snapshot if source.snapshot else None,
            headers=dict(response.headers),
            link=_next_link(response),
            url=response.url,
        )

    def _remember(self, text: str, path: str, records: int) -> None:
        """The id of every record, as text without surrounding blanks; null where it has none.

        A wildcard passes over records without the member, so these are the ones that are left.
        """
        self._connection.execute(
            "insert into seen"
            " with found as (select json_extract_string($1, $2) as ids)"
            " select nullif(trim(unnest(ids), $3), '') from found"
            " union all select null from found, range($4 - len(ids))",
            [text, f"{self._records}[*]{path.removeprefix('$')}", _BLANK, records],
        )

    def ids(self) -> Ids:
        """The ids of this pass so far."""
        query = """
            select
                count(id), count(*) filter (times > 1 and id is not null),
                coalesce(sum(times) filter (id is null), 0)
            from (select id, count(*) as times from seen group by id)
        """
        different, repeated, without = self._connection.execute(query).fetchone() or (0, 0, 0)
        return Ids(int(different), int(repeated), int(without))

    def _members(self, text: str) -> str:
        row = self._connection.execute("select try(json_keys($1))", [text]).fetchone()
        names = list(row[0] or [])[:10] if row else []
        return f"an object with {', '.join(names)}" if names else "something else"


def whole_number(text: str | None) -> int | None:
    """A declared count, as a number or as text; None where it is none (absent, -1, about 10, more than 18 digits)."""
    found = _WHOLE.fullmatch(text.strip()) if text is not None else None
    return int(found[1]) if found else None


def header_total(value: str | None) -> str | None:
    """The total in a header: a number, or what a Content-Range says after its slash; None where that is unknown."""
    found = _CONTENT_RANGE.fullmatch(value.strip()) if value is not None else None
    if found is None:
        return value
    return None if found[1] == "*" else found[1]


def _next_link(response: httpx.Response) -> str | None:
    """The link of relation `next`: without regard to case, alone or among others (RFC 8288)."""
    for link in response.links.values():
        if "next" in link.get("rel", "").lower().split():
            return link.get("url")
    return None
