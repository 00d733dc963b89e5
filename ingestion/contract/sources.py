"""Models of the `source` of the citylake extension, one per connector: where a feed comes from.

A source names a connection; login and token belong to the connection, never to the contract. Checks beyond types are in
`ingestion.contract.source_checks`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from ingestion.values.document import Document

NAME = r"^[a-z][a-z0-9_]*$"
JSON_PATH = r"^\$(\.[A-Za-z_@][\w@\-]*)+$"


class FileDrop(Document):
    """Files a department puts into a folder below CITYLAKE_DROP.

    `path` is relative, with one `{interval:<strftime>}` in the calendar's local time and
    shell wildcards; every match is one delivery, in name order.
    """

    connector: Literal["file_drop"] = "file_drop"
    path: str


class Timeouts(Document):
    """Seconds: to connect, between two pieces of an answer, and for a whole delivery with its retries."""

    connect: float = Field(default=10.0, gt=0, le=600)
    read: float = Field(default=60.0, gt=0, le=3600)
    total: float = Field(default=1800.0, gt=0, le=86_400)


class _Web(Document):
    """What both kinds of HTTP source share.

    `url` is relative to the connection's base URL, or absolute (a public file needs no connection).
    `headers` may hold only what says which form of the content is wanted. An answer that is
    longer than `max_bytes` (bytes of one delivery) is not taken. `redirect_hosts` (`host` or `host:port`) are the
    hosts, beside the URL's own, that redirects and next-page links may lead to; where there is a connection, the
    connection says so instead.
    """

    connection: str | None = Field(default=None, pattern=NAME)
    url: str
    headers: dict[str, str] = Field(default={})
    redirect_hosts: list[str] = Field(default=[])
    max_bytes: int = Field(default=4 * 2**30, gt=0)
    timeouts: Timeouts = Timeouts()
    attempts: int = Field(default=4, ge=1, le=20, description="Of one request, the first included.")
    max_wait: float = Field(default=60.0, ge=0, description="Longest wait between attempts a server may ask for, s.")


class HttpFile(_Web):
    """One file over HTTP(S) an interval: what lies at `url` now is the interval's delivery.

    `url` holds one `{interval:<strftime>}` in the calendar's local time; a snapshot's may hold none.
    `media_types` lists what the answer may be; empty takes anything but a web page.
    """

    connector: Literal["http"]
    media_types: list[str] = Field(default=[])


class Paging(Document):
    """How the next page is asked for, and where the answer says so.

    `cursor`: the value at `next` (JSON path) goes into `parameter`. `token`: the same, from the
    response header `next_header`. `page`: `parameter` counts from `first`. `offset`: `parameter` is the
    number of records had so far. `link_header`: RFC 8288 `rel="next"`. `next_link`: the URL at `next`
    (JSON path). `none`: one page.
    `size_parameter` and `size` ask for a page size. A short page is no proof of the last one: pages
    by number end with an empty page, or with `total` records.
    """

    by: Literal["cursor", "token", "page", "offset", "link_header", "next_link", "none"]
    parameter: str | None = None
    next: str | None = Field(default=None, pattern=JSON_PATH)
    next_header: str | None = None
    first: int = Field(default=1, ge=0)
    size_parameter: str | None = None
    size: int | None = Field(default=None, gt=0)
    max_pages: int = Field(default=1000, gt=0, le=99_999)

    @model_validator(mode="after")
    def _complete(self) -> Paging:
        needs = {
            "cursor": ("parameter", "next"),
            "token": ("parameter", "next_header"),
            "next_link": ("next",),
            "page": ("parameter",),
            "offset": ("parameter",),
        }.get(self.by, ())
        missing = [name for name in needs if not getattr(self, name)]
        if missing:
            raise ValueError(f"paging by {self.by} needs {' and '.join(missing)}")
        if (self.size is None) != (self.size_parameter is None):
            raise ValueError("`size` and `size_parameter` belong together")
        return self


class JsonApi(_Web):
    """A paged JSON API: all pages of an interval are one delivery. Records lie under `records` of the format.

    `params` are query parameters; their values may hold `{start:<strftime>}` and `{end:<strftime>}` of
    the interval, in `time`. What the server declares about the whole is held against what came: the number of records
    (`total`, or a response header `total_header` such as X-Total-Count or Content-Range), of pages (`page_count`), of
    the page's own records (`count`), and `snapshot`, which names the state all pages are of. All are JSON paths but the
    header; whatever says them says the same on every page. `id` (JSON path in a record) must not repeat, and with a
    total there are exactly so many records and ids. Otherwise paging begins again, `restarts` times at most. Where two
    passes give the same records and still do not agree with what is declared, the delivery is landed and held for
    the steward; ids that repeat without a total are the data's own (docs/adr/0008, 4).
    """

    connector: Literal["json_api"]
    params: dict[str, str] = Field(default={})
    time: Literal["local", "utc"] = "local"
    paging: Paging
    total: str | None = Field(default=None, pattern=JSON_PATH)
    total_header: str | None = None
    page_count: str | None = Field(default=None, pattern=JSON_PATH)
    count: str | None = Field(default=None, pattern=JSON_PATH)
    snapshot: str | None = Field(default=None, pattern=JSON_PATH)
    id: str | None = Field(default=None, pattern=JSON_PATH)
    restarts: int = Field(default=2, ge=0, le=10)
    max_page_bytes: int = Field(default=64 * 2**20, gt=0)

    @model_validator(mode="after")
    def _one_total(self) -> JsonApi:
        if self.total is not None and self.total_header is not None:
            raise ValueError("`total` and `total_header` say the same: give one")
        return self


class Database(Document):
    """A table of a PostgreSQL database, such as the exchange database (前置库) a department writes for others.

    A snapshot reads the whole table, an interval the rows whose `cursor` (a column, by its bronze or physical name)
    lies in it or in the `overlap` before it, where rows turn up that were committed late; the calendar's first interval
    reads all that is older, too. `full_snapshot` is the feed (`department.feed`) that reads the same table whole, which
    alone shows what was deleted. Columns that the contract does not have are landed, and refuse the delivery;
    `columns: declared` leaves them where they are. A table of more than `max_rows` or `max_bytes` (bytes of text) is
    not taken. `batch_bytes` is what the driver holds at a time. Of the timeouts, `read` is how long the server may be
    silent and `total` also limits the server's statement.
    """

    connector: Literal["database"]
    connection: str = Field(pattern=NAME)
    schema_name: str = Field(alias="schema", min_length=1)
    table: str = Field(min_length=1)
    cursor: str | None = None
    overlap: timedelta = Field(default=timedelta(0), ge=timedelta(0), le=timedelta(days=366))
    full_snapshot: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$")
    columns: Literal["all", "declared"] = "all"
    timeouts: Timeouts = Timeouts()
    attempts: int = Field(default=3, ge=1, le=20, description="Of one delivery, each in a snapshot of its own.")
    max_rows: int = Field(default=20_000_000, gt=0)
    max_bytes: int = Field(default=8 * 2**30, gt=0)
    batch_bytes: int = Field(default=8 * 2**20, ge=2**16, le=2**28)


class Sftp(Document):
    """Files a department puts into a folder of an SFTP server.

    `path` is as of a file drop, below the folder that the connection names. A file is taken once its size and time
    have stood still for `settle_seconds`, and only where the host shows the key that the connection declares.
    """

    connector: Literal["sftp"]
    connection: str = Field(pattern=NAME)
    path: str
    settle_seconds: float = Field(default=30.0, ge=0, le=86_400)
    timeouts: Timeouts = Timeouts()
    attempts: int = Field(default=4, ge=1, le=20, description="Of one delivery; each goes on where the last ended.")
    max_bytes: int = Field(default=4 * 2**30, gt=0)


class FhirBulk(Document):
    """An export of a FHIR server (Bulk Data Access IG 2.0, Export): kick-off, polling, manifest, files.

    `export` is the operation below the connection's base URL: `$export`, `Patient/$export`, `Group/<id>/$export`. With
    `since` the interval's start is asked for as `_since`, so that an export is what changed; `types` are the `_type`
    asked for, default the contract's tables. The calendar's first interval asks for everything. One that expires before
    it is here is kicked off again, at most `attempts` times in all. It is given up `timeouts.total` seconds after the
    fetch began, whatever it was doing: every attempt, the waiting and the downloads share them.
    """

    connector: Literal["fhir_bulk"]
    connection: str = Field(pattern=NAME)
    export: str = Field(default="$export", pattern=r"^([A-Za-z]+(/[A-Za-z0-9.\-]+)?/)?\$export$")
    since: bool = True
    types: list[str] = Field(default=[])
    timeouts: Timeouts = Timeouts()
    attempts: int = Field(default=4, ge=1, le=20, description="Of one request, the first included.")
    max_wait: float = Field(default=60.0, ge=0, description="Longest wait between two polls a server may ask for, s.")
    max_bytes: int = Field(default=4 * 2**30, gt=0)

    @property
    def headers(self) -> dict[str, str]:
        """Request headers of its own: none, as the Bulk Data Access IG says which are sent."""
        return {}

    @property
    def redirect_hosts(self) -> list[str]:
        """None: the connection declares hosts beside its own."""
        return []


def connector(raw: Any) -> str:
    """The connector a source names; a bare `path` is a file drop."""
    named = raw.get("connector", "file_drop") if isinstance(raw, dict) else getattr(raw, "connector", "file_drop")
    return str(named)


Source = Annotated[
    Annotated[FileDrop, Tag("file_drop")]
    | Annotated[HttpFile, Tag("http")]
    | Annotated[JsonApi, Tag("json_api")]
    | Annotated[Database, Tag("database")]
    | Annotated[Sftp, Tag("sftp")]
    | Annotated[FhirBulk, Tag("fhir_bulk")],
    Discriminator(connector),
]
