"""Read one page of a JSON API: the number of its records, what it declares, and the link to the next page.

Pages are read by DuckDB with the same JSON paths as `ingestion.conform` uses later, so that both count the same
records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import httpx

from ingestion.connectors.allowed_hosts import redacted
from ingestion.connectors.fetch_errors import FetchError, RetryableFetchError
from ingestion.contract.sources import JsonApi
from ingestion.machine.engines import restrict
from ingestion.values.blanks import BLANKS
from ingestion.values.hashes import sha256_of_bytes

_WHOLE_NUMBER = re.compile(r"[+]?0*([0-9]{1,18})(?:\.0*)?")
_CONTENT_RANGE = re.compile(r"(?:[A-Za-z-]+ )?(?:[0-9]+-[0-9]+|\*)/([0-9]+|\*)")
"""Content-Range (RFC 9110, 14.4), with or without a unit, as APIs use it for records."""


@dataclass(frozen=True)
class Page:
    """One page. `records` is the number of its records; header names are in lower case.

    `next` is the cursor or link in the body, `link` the one in the Link header; None where there is none.
    `total`, `page_count`, `count` and `snapshot` are values that the page declares, as text; None where it does not.
    `digest` is the sha256 of the list of records only, without other members such as a time stamp of the answer.
    `url` is the final URL after redirects; links are relative to it.
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

    def declared_for_all_pages(self) -> dict[str, str | None]:
        """The values that hold for all pages of a delivery, by their keys in the contract."""
        return {"total": self.total, "page_count": self.page_count, "snapshot": self.snapshot}


@dataclass(frozen=True)
class Ids:
    """Record ids of one pass: numbers of `distinct` ids, of ids that are `repeated`, and of records `without` one."""

    distinct: int
    repeated: int
    without: int


class PageReader:
    """Reads the pages of one paging pass and keeps the ids of their records."""

    def __init__(self, source: JsonApi, records: str, encoding: str) -> None:
        self._source = source
        self._records = records
        self._encoding = encoding
        self._connection = duckdb.connect(config={"threads": 1})
        restrict(self._connection)
        self._connection.execute("create table seen (id varchar)")

    def close(self) -> None:
        """Close the in-memory database with the ids."""
        self._connection.close()

    def read(self, body: bytes, response: httpx.Response) -> Page:
        """Parse a page. Raises RetryableFetchError where it is no JSON, FetchError where it has no list of records."""
        where = redacted(response.url)
        try:
            text = body.decode(self._encoding).removeprefix("\ufeff")
        except UnicodeDecodeError:
            raise RetryableFetchError(f"sent a page that is not {self._encoding}", where) from None
        valid = self._connection.execute("select json_valid($1)", [text]).fetchone()
        if not valid or not valid[0]:
            raise RetryableFetchError("sent a page that is not JSON", where)
        source = self._source
        paths = [path or "$" for path in (source.paging.next, source.total, source.page_count, source.count)]
        row = self._connection.execute(
            "select json_type($1, $2), json_array_length($1, $2), cast(json_extract($1, $2) as varchar),"
            " json_extract_string($1, [$3, $4, $5, $6, $7])",
            [text, self._records, *paths, source.snapshot or "$"],
        ).fetchone()
        kind, count, records, values = row or (None, 0, "", [None] * 5)
        if kind != "ARRAY":
            raise FetchError(f"sent no list of records at {self._records} but {self._describe_members(text)}", where)
        following, total, page_count, record_count, snapshot = values
        if source.id is not None and count:
            self._store_ids(text, source.id, int(count))
        header = response.headers.get(source.total_header) if source.total_header else None
        return Page(
            body=body,
            records=int(count),
            digest=sha256_of_bytes(records.encode("utf-8", "surrogatepass")),
            next=following if source.paging.next else None,
            total=total if source.total else header_total(header),
            page_count=page_count if source.page_count else None,
            count=record_count if source.count else None,
            snapshot=snapshot if source.snapshot else None,
            headers=dict(response.headers),
            link=_next_link(response),
            url=response.url,
        )

    def _store_ids(self, text: str, path: str, records: int) -> None:
        """Store the id of every record of a page, as text without surrounding blanks; null for a record without one.

        A JSON path with a wildcard skips records that lack the member, so a null is added for each of those.
        """
        self._connection.execute(
            "insert into seen"
            " with found as (select json_extract_string($1, $2) as ids)"
            " select nullif(trim(unnest(ids), $3), '') from found"
            " union all select null from found, range($4 - len(ids))",
            [text, f"{self._records}[*]{path.removeprefix('$')}", BLANKS, records],
        )

    def ids(self) -> Ids:
        """Counts of the ids stored so far."""
        query = """
            select
                count(id), count(*) filter (times > 1 and id is not null),
                coalesce(sum(times) filter (id is null), 0)
            from (select id, count(*) as times from seen group by id)
        """
        distinct, repeated, without = self._connection.execute(query).fetchone() or (0, 0, 0)
        return Ids(int(distinct), int(repeated), int(without))

    def _describe_members(self, text: str) -> str:
        row = self._connection.execute("select try(json_keys($1))", [text]).fetchone()
        names = list(row[0] or [])[:10] if row else []
        return f"an object with {', '.join(names)}" if names else "something else"


def whole_number(text: str | None) -> int | None:
    """A declared count as an integer; None where it is none (absent, `-1`, `about 10`, more than 18 digits)."""
    match = _WHOLE_NUMBER.fullmatch(text.strip()) if text is not None else None
    return int(match[1]) if match else None


def header_total(value: str | None) -> str | None:
    """The total in a header: its value, or the number after the slash of a Content-Range; None for `*` (unknown)."""
    match = _CONTENT_RANGE.fullmatch(value.strip()) if value is not None else None
    if match is None:
        return value
    return None if match[1] == "*" else match[1]


def _next_link(response: httpx.Response) -> str | None:
    """The target of the Link header whose relation types include `next`, in any case (RFC 8288, 2.1); else None."""
    for link in response.links.values():
        if "next" in link.get("rel", "").lower().split():
            return link.get("url")
    return None
