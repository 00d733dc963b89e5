"""An operator's day on the page "today": a bad delivery, who must mend it, the corrected file, and the approval.

Chapters share one stack and tell one story, in order. The page is seen as people of four accounts see it.
"""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import etree

from dags.today.actions import VERBS
from tests.integration.browser.conftest import SECOND, STEWARD_MAIL, Office, set_time
from tests.support import office
from tests.support.browsing import SIZES, Watched, examine, examine_shown
from warehouse.actions.ledger import recent
from warehouse.actions.model import Entry
from warehouse.release import pointer
from warehouse.status.read import read_status

pytestmark = pytest.mark.faults

OPERATOR, STEWARD, VIEWER, ADMIN = "operator", "steward", "viewer", "admin"
SECONDS = 240.0
FIRST_SCREEN = {"zh": ("被退回", "待确认", "迟报", "被拦下"), "en": ("refused", "held", "late", "blocked")}
"""What a newcomer is asked to find: what was refused, waits, is late, is blocked."""
FORBIDDEN, NOT_LOGGED_IN = 403, 401


def _until(done: Callable[[], Any], what: str, seconds: float = SECONDS) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := done()):
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds:.0f} s"
        time.sleep(0.5)
    return found


def _state(running: Office, feed: str) -> str:
    return next(line.state for line in read_status(running.lake).feeds if line.feed == feed)


def _verdict(running: Office, product: str) -> str | None:
    return next(line.verdict for line in read_status(running.lake).products if line.product == product)


def _idle(running: Office) -> bool:
    return not running.stack.api().active([*office.FEEDS, "warehouse"])


def _refused_batch(running: Office) -> str:
    return next(one.last.batch for one in read_status(running.lake).feeds if one.feed == office.READING and one.last)


def _act(watched: Watched, form: str, reason: str) -> None:
    """Send a form of the page, confirm it with a reason, and see the page that says what was done."""
    shown = watched.page
    shown.click(f"{form} button")
    shown.wait_for_selector("form input[name=confirm]", state="attached")
    assert not examine_shown(watched)
    shown.fill("input[name=reason]", reason)
    shown.click("form[action*='/action/'] button.primary")
    shown.wait_for_selector("section.result")


def _second_day(running: Office) -> None:
    """Readings that are refused, a register without most offices, no calls."""
    office.deliver(running.drop, SECOND, feeds=[office.READING], refused=[office.READING])
    whole = office.deliver(running.drop, SECOND, feeds=[office.REGISTER])[office.REGISTER]
    lines = whole.read_text(encoding="utf-8").splitlines(keepends=True)
    modified = whole.stat().st_mtime
    whole.write_text("".join(lines[:4]), encoding="utf-8")
    os.utime(whole, (modified, modified))


def test_the_bad_day_is_on_the_first_screen(running: Office) -> None:
    """Late, held, refused, blocked and why, and who: all of it without scrolling, in both languages."""
    _second_day(running)
    set_time(running.lake.settings, SECOND)
    api = running.stack.api(OPERATOR)
    for feed in office.FEEDS:
        api.trigger(feed, f"story__{SECOND}", conf={"from": SECOND.isoformat(), "to": SECOND.isoformat()})
    _until(lambda: _verdict(running, office.READINGS) == "blocked" and _idle(running), "the verdict")
    assert {feed: _state(running, feed) for feed in office.FEEDS} == {
        office.READING: "refused",
        office.REGISTER: "held",
        office.CALL: "late",
    }
    watched = running.person(VIEWER)
    titles = [line.title for line in read_status(running.lake).feeds]
    for language, words in FIRST_SCREEN.items():
        watched.page.goto(f"{running.page}/?lang={language}")
        for word in (*words, *(title.zh if language == "zh" else title.en for title in titles)):
            assert _is_on_first_screen(watched.page, word), (language, word)
        said = watched.page.inner_text("main")
        assert "办公室数据管理员" in said
        assert SECOND.isoformat() in said
        assert "UTC" not in said
    assert not watched.clean()


def _is_on_first_screen(shown: Any, words: str) -> bool:
    """Whether any place that says so is seen without scrolling, at 1280 by 900."""
    boxes = [place.bounding_box() for place in shown.get_by_text(words).all()]
    width, height = SIZES["desk"]
    return any(box and box["y"] + box["height"] <= height and box["x"] + box["width"] <= width for box in boxes)


def test_the_page_is_in_airflows_menu(running: Office) -> None:
    watched = running.person(VIEWER)
    watched.page.goto(running.stack.airflow.url)
    entry = watched.page.get_by_role("link", name="今日 Today").first
    entry.wait_for()
    entry.click()
    watched.page.frame_locator("iframe").locator(f'[id="feed-{office.READING}"]').wait_for()


def test_every_page_is_accessible_fits_and_stays_here(running: Office) -> None:
    """Axe, width, console and other hosts, at two widths, light and dark, in two languages; as who sees most."""
    batch = next(
        line.last.batch for line in read_status(running.lake).feeds if line.feed == office.READING and line.last
    )
    operator = [
        "/",
        f"/feed/{office.REGISTER}",
        f"/product/{office.READINGS}",
        "/outbox",
        "/ledger",
        "/reconcile?run=1",
    ]
    steward = [f"/refused/{office.READING}/{batch}?text=1"]
    found = [problem for path in operator for problem in examine(running.person(OPERATOR), running.page + path)]
    found += [problem for path in steward for problem in examine(running.person(STEWARD), running.page + path)]
    assert not found, "\n".join(found)


def test_the_steward_is_sent_one_mail_and_reads_the_workbook(running: Office, tmp_path: Path) -> None:
    mail = _until(lambda: [m for m in running.mailbox.mails if office.READING in str(m["Subject"])], "the mail")
    assert len(mail) == 1
    assert str(mail[0]["To"]) == STEWARD_MAIL
    body = mail[0].get_body(("plain",)).get_content()
    for said in (f"reading_{SECOND:%Y%m%d}.csv", "不合格 50 行", "期限"):
        assert said in body, said

    looks = len(_looks(running))
    watched = running.person(STEWARD)
    shown = watched.page
    shown.goto(f"{running.page}/feed/{office.READING}?lang=zh")
    shown.locator("a.refused-rows").first.click()
    shown.wait_for_selector("text=用电量")
    assert not shown.query_selector("#record-1"), "rows are shown when asked for"
    shown.click('a[href*="text=1"]')
    assert "-1" in shown.inner_text("#record-1")
    with shown.expect_download() as download:
        shown.click("a[download]")
    book = tmp_path / "workbook.xlsx"
    download.value.save_as(book)
    with zipfile.ZipFile(book) as archive:
        parts = [archive.read(name) for name in archive.namelist() if name.endswith(".xml")]
    texts = [text for part in parts for text in etree.fromstring(part).itertext()]
    assert "-1" in texts
    assert any("energy_kwh" in text for text in texts)
    assert [entry.actor.account for entry in _looks(running)[looks:]] == [STEWARD, STEWARD]
    assert not watched.clean()


def _looks(running: Office) -> list[Entry]:
    """Looks at refused rows that the ledger has, oldest first."""
    found = [entry for entry in recent(running.lake, 1000) if (entry.verb, entry.event) == ("look", "done")]
    return found[::-1]


def test_a_viewer_sees_all_of_it_and_may_do_nothing(running: Office) -> None:
    batch = next(
        line.last.batch for line in read_status(running.lake).feeds if line.feed == office.READING and line.last
    )
    watched = running.person(VIEWER)
    for path in ("/", f"/feed/{office.REGISTER}", f"/product/{office.READINGS}", f"/refused/{office.READING}/{batch}"):
        watched.page.goto(running.page + path)
        assert not watched.page.query_selector("form[method=post]"), path
        assert not watched.page.query_selector('a[href*="text=1"], a[download]'), path
    assert not watched.clean()
    before = len(recent(running.lake, 1000))
    csrf = _csrf_of_page(running, OPERATOR)
    for account in (VIEWER, STEWARD):
        cookies = {one["name"]: one["value"] for one in running.person(account).page.context.cookies()}
        with httpx.Client(cookies=cookies, trust_env=False, follow_redirects=False) as client:
            for verb in VERBS:
                for token in (csrf, ""):
                    form = {"subject": office.REGISTER, "reason": "x", "confirm": "yes", "csrf": token, "batch": batch}
                    answer = client.post(f"{running.page}/action/{verb}", data=form)
                    assert answer.status_code == FORBIDDEN, (account, verb, answer.status_code)
    with httpx.Client(trust_env=False, follow_redirects=False) as nobody:
        for path in ("/", "/outbox", f"/workbook/{office.READING}/{batch}"):
            assert nobody.get(running.page + path).status_code == NOT_LOGGED_IN, path
    for account, path in (
        (VIEWER, f"/workbook/{office.READING}/{batch}"),
        (OPERATOR, f"/refused/{office.READING}/{batch}?text=1"),
    ):
        answer = running.person(account).page.context.request.get(running.page + path)
        assert answer.status == FORBIDDEN, (account, path)
        running.person(account).clean()
    assert len(recent(running.lake, 1000)) == before


def _csrf_of_page(running: Office, account: str) -> str:
    shown = running.person(account).page
    shown.goto(f"{running.page}/feed/{office.REGISTER}")
    return str(shown.get_attribute("input[name=csrf]", "value"))


def test_corrected_files_and_a_decision_turn_it_green(running: Office) -> None:
    """The department sends what was wrong again and what was late; the operator decides and runs the feeds again."""
    office.deliver(running.drop, SECOND, feeds=[office.READING], correction=1)
    office.deliver(running.drop, SECOND, feeds=[office.CALL])
    watched = running.person(OPERATOR)
    shown = watched.page
    shown.goto(f"{running.page}/feed/{office.REGISTER}?lang=en")
    _act(watched, "form[action$='/action/reject']", "the file lacks most offices; the department sends it again")
    office.deliver(running.drop, SECOND, feeds=[office.REGISTER], correction=2)
    for feed in office.FEEDS:
        shown.goto(f"{running.page}/feed/{feed}")
        shown.fill("form[action$='/action/rerun'] input[name=from]", SECOND.isoformat())
        shown.fill("form[action$='/action/rerun'] input[name=to]", SECOND.isoformat())
        _act(watched, "form[action$='/action/rerun']", "the department sent it again")
    _until(lambda: all(_state(running, feed) == "good" for feed in office.FEEDS), "good feeds")
    _until(lambda: _verdict(running, office.READINGS) == "passed" and _idle(running), "the verdict")
    shown.goto(f"{running.page}/")
    assert not shown.query_selector(".badge.refused, .badge.held, .badge.late, .badge.blocked")
    assert not watched.clean()
    done = [(entry.verb, entry.actor.account) for entry in recent(running.lake, 20) if entry.event == "done"]
    assert done[:4] == [("rerun", OPERATOR)] * 3 + [("reject", OPERATOR)]


def test_another_person_approves_and_it_is_released(running: Office) -> None:
    before = pointer.current(running.lake, "open")
    internal = pointer.current(running.lake, "internal")
    assert internal is not None
    form = "#pending form[action$='/action/approve']"
    watched = running.person(ADMIN)
    _until(lambda: watched.page.goto(f"{running.page}/?lang=zh") and watched.page.query_selector(form), "the question")
    own = running.person(OPERATOR)
    own.page.goto(f"{running.page}/")
    assert own.page.query_selector("#pending")
    assert not own.page.query_selector(form), "who ran the feeds again is behind what waits"
    _act(watched, form, "looked at the numbers of both days")
    released = _until(lambda: (now := pointer.current(running.lake, "open")) != before and now, "the release")
    assert {name: entry.rows for name, entry in released.tables.items()} == {"pub_reading": 2 * office.READING_COUNT}
    watched.page.goto(f"{running.page}/")
    assert not watched.page.query_selector("#pending")
    # Once for the answer on the page, once for Airflow's task, which judged it again and published.
    approvals = [entry for entry in recent(running.lake, 20) if (entry.verb, entry.event) == ("approve", "done")]
    assert [entry.actor.account for entry in approvals] == [ADMIN, ADMIN]
    assert not watched.clean()
