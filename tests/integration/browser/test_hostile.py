"""Hostile values in every text of every feed, and in the files' names: nothing of them runs, is followed or is obeyed.

Each shipped contract gets a file (tests.support.hostile) in which every column of every row holds an attack. The pages
are looked at in Chromium, the workbooks in their XML, the mails as a mail server got them.
"""

from __future__ import annotations

import json
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import pytest
from lxml import etree, html

from ingestion.delivery.ingest import ingest_interval
from ingestion.lake import Lake, open_lake
from ingestion.settings import Settings
from tests.support import hostile
from tests.support.browsing import Browser, Watched, browser
from tests.support.hostile import ADDRESS, HIT, HOST, VALUES
from tests.support.notice_servers import Mailbox, mail_server
from tests.support.today_page import STEWARD, serving
from warehouse.actions.ledger import recorded
from warehouse.actions.model import Actor
from warehouse.incidents.sweep import sweep
from warehouse.stewards import outbox
from warehouse.stewards.mail import send_due
from warehouse.stewards.workbook import workbook

pytestmark = pytest.mark.faults

DAY = date(2026, 3, 2)
ACTIVE = ("img", "iframe", "svg", "base", "script", "style", "object", "link")
PACKAGE = "{http://schemas.openxmlformats.org/package/2006/relationships}"


@dataclass
class Planted:
    """A lake whose every delivery is hostile: refused deliveries as (feed, batch), the mails that were sent."""

    lake: Lake
    mailbox: Mailbox
    batches: list[tuple[str, str]] = field(default_factory=list)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    home = tmp_path_factory.mktemp("hostile")
    with mail_server() as mailbox:
        lake = open_lake(
            Settings(
                home=home,
                drop=home / "drop",
                city_time=home / "time.txt",
                smtp_host="127.0.0.1",
                smtp_port=mailbox.port,
                smtp_security="none",
                smtp_sender="citylake@example.invalid",
                steward_mail_minutes=0,
            )
        )
        (home / "time.txt").write_text(f"{DAY + timedelta(days=3)}T12:00:00+08:00", encoding="utf-8")
        made = Planted(lake, mailbox)
        names, contracts = list(hostile.file_names()), list(lake.contracts.values())
        for number in range(max(len(names), len(contracts))):
            contract = contracts[number % len(contracts)]
            later = timedelta(days=number // len(contracts) * 7)
            interval = hostile.interval_of(contract, DAY + later)
            hostile.write(contract, interval, home / "drop", names[number % len(names)])
            (delivery,) = ingest_interval(lake, contract, interval)
            assert delivery.outcome == "refused", (contract.name, delivery)
            made.batches.append((contract.name, delivery.batch))
        sweep(lake)
        outbox.prepare(lake)
        send_due(lake)
        actor = Actor(account=STEWARD, role="viewer", via="page")
        with recorded(lake, actor, "look", contracts[0].name, VALUES["attribute"] + VALUES["script"]):
            pass
        yield made


@pytest.fixture(scope="module")
def shown(planted: Planted) -> Iterator[tuple[Browser, str]]:
    """A browser, and the address of the page over the lake, seen by the steward of every department."""
    with serving(planted.lake) as url, browser() as opened:
        yield opened, url


def test_the_files_hold_each_value_in_each_format(planted: Planted) -> None:
    """Were they not refused with their texts, nothing below would be tested."""
    from warehouse.refused.read import refused_rows

    formats = {planted.lake.contract(feed).citylake.format.type for feed, _ in planted.batches}
    assert len(formats) > 3
    for feed, batch in planted.batches:
        rows = refused_rows(planted.lake, feed, batch, limit=1000)
        said = {fault.value for row in rows for fault in row.faults if fault.value}
        assert {VALUES["script"], VALUES["formula"]} <= said, feed


def test_nothing_runs_on_the_pages(planted: Planted, shown: tuple[Browser, str]) -> None:
    opened, url = shown
    watched = opened.page()
    dialogs: list[str] = []
    watched.page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    feeds = sorted({feed for feed, _ in planted.batches})
    addresses = ["", "outbox", "ledger", f"?department={quote(VALUES['script'])}", f"feed/{quote(VALUES['attribute'])}"]
    addresses += [f"feed/{feed}" for feed in feeds]
    addresses += [f"refused/{feed}/{quote(batch)}?text=1" for feed, batch in planted.batches]
    seen = ""
    for address in addresses:
        watched.page.goto(f"{url}/{address}", wait_until="load")
        _inert(watched, address)
        seen += watched.page.inner_text("body")
    assert not dialogs
    # Shown as texts, not left out.
    for name in ("script", "attribute", "formula", "command", "template"):
        assert VALUES[name] in seen, name
    assert "\u202e" not in seen
    assert "\u200b" not in seen


def _inert(watched: Watched, address: str) -> None:
    assert watched.page.evaluate(f"window.{HIT}") is None, address
    assert not [one for one in watched.other_hosts], address
    assert not watched.page.query_selector("main img, main iframe, main svg, main base, main script, main style"), (
        address
    )
    links = watched.page.eval_on_selector_all("a[href]", "links => links.map(link => link.href)")
    assert not [link for link in links if HOST in link.split("?")[0] or link.lower().startswith("javascript:")], address


def test_a_hostile_form_is_repeated_as_text(planted: Planted, shown: tuple[Browser, str]) -> None:
    """The page before an action repeats what the form says."""
    opened, url = shown
    watched, value = opened.page(), " ".join(text for name, text in VALUES.items() if name != "long")
    watched.page.goto(f"{url}/feed/{planted.batches[0][0]}")
    form = 'form[action$="/action/rerun"]'
    for name in ("from", "to"):
        watched.page.eval_on_selector(
            f"{form} input[name={name}]", "(input, value) => { input.type = 'text'; input.value = value }", value
        )
    watched.page.eval_on_selector(form, "form => { form.noValidate = true; form.submit() }")
    watched.page.wait_for_url("**/action/rerun")
    _inert(watched, "the page before an action")


def test_a_workbook_holds_texts_only(planted: Planted, tmp_path: Path) -> None:
    for number, (feed, batch) in enumerate(planted.batches):
        path = workbook(planted.lake, feed, batch, tmp_path / f"{number}.xlsx")
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        texts = ""
        for name, content in parts.items():
            assert "macro" not in name.lower() and "external" not in name.lower() and "vba" not in name.lower(), name
            if not name.endswith((".xml", ".rels")):
                continue
            root = etree.fromstring(content)
            tags = {etree.QName(node).localname for node in root.iter() if isinstance(node.tag, str)}
            assert not tags & {"f", "hyperlink", "hyperlinks", "ddeLink", "oleObject", "drawing"}, (feed, name, tags)
            outside = [node for node in root.iter(f"{PACKAGE}Relationship") if node.get("TargetMode") == "External"]
            assert not outside, (feed, name)
            kinds = {node.get("t") for node in root.iter("{*}c") if len(node)}
            assert kinds <= {"s", "inlineStr"}, (feed, name, kinds)
            texts += "".join(root.itertext())
        assert VALUES["formula"] in texts, feed
        assert VALUES["command"] in texts, feed
        assert len(VALUES["long"]) > 32_767, "longer than a cell may be"


def test_a_mail_has_no_header_that_a_department_wrote(planted: Planted) -> None:
    contracts = planted.lake.contracts
    stewards = {contract.citylake.steward.email for contract in contracts.values()}
    known = {planted.lake.settings.smtp_sender, *stewards}
    assert {str(mail["To"]) for mail in planted.mailbox.mails} == stewards
    for mail in planted.mailbox.mails:
        assert not mail.defects
        for name in ("Bcc", "Cc", "Reply-To", "Sender"):
            assert mail[name] is None, name
        for name, value in mail.items():
            assert not _unseen(str(value)), (name, value)
            assert ADDRESS not in str(value) or name == "Subject", name
        assert mail["From"].addresses[0].addr_spec in known
        assert all(address.addr_spec in known for address in mail["To"].addresses)
        _inert_mail(mail)


def _inert_mail(mail: EmailMessage) -> None:
    kinds = {part.get_content_type() for part in mail.walk() if not part.is_multipart()}
    assert kinds <= {"text/plain", "text/html", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}
    for part in mail.walk():
        name = part.get_filename()
        if name:
            assert not _unseen(name)
            assert not set(name) & set('<>:"/\\|?*\r\n'), name
        if part.get_content_type() == "text/plain":
            assert not _unseen(part.get_content().replace("\n", "").replace("\t", ""))
        if part.get_content_type() == "text/html":
            root = html.fromstring(part.get_content())
            tags = {node.tag for node in root.iter() if isinstance(node.tag, str)}
            assert not tags & {"script", "img", "svg", "iframe", "form", "base", "link"}
            assert not [name for node in root.iter() for name in node.attrib if name.startswith("on")]


def _unseen(text: str) -> list[str]:
    """Characters that nobody sees, or that change the direction of others."""
    return [f"U+{ord(c):04X}" for c in text if unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")]


def test_status_and_banner_hold_nothing_of_the_files(planted: Planted) -> None:
    from warehouse.release import layout
    from warehouse.status.read import read_status
    from warehouse.status.write import write_status

    lake = planted.lake
    write_status(lake, read_status(lake))
    for edition in layout.EDITIONS:
        status = lake.store.get_bytes(layout.status(edition)).decode()
        banner = lake.store.get_bytes(layout.banner(edition)).decode()
        json.loads(status)
        for said in (status, banner):
            assert not [value for value in VALUES.values() if value in said]
            assert HIT not in said
            assert ADDRESS not in said
        assert "<script" not in banner
        assert " on" not in " ".join(f" {name}" for node in html.fromstring(banner).iter() for name in node.attrib)
