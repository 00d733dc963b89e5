"""Compose the notice of an incident: subject, body and JSON document, in Chinese and English.

It names feed or product, intervals, the state of the lake and what to do. It holds no row values and no personal data:
of a refused delivery it gives rule and counts, never the message of the receipt.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.clocks import shown
from warehouse.incidents.model import Incident, NoticeEvent
from warehouse.incidents.wording import WORDS
from warehouse.title import Language

LONGEST = 400
_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/@]*@)?([^\s/?#]*)[^\s?#]*(?:[?#]\S*)?", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
_SYNTHETIC = "合成数据 · synthetic data"


@dataclass(frozen=True)
class Text:
    """One notice, ready to send. Its `id` stays the same when it is sent again; `document` is the webhook's body."""

    id: str
    at: datetime
    subject: str
    body: str
    document: Mapping[str, Any]


def one_line(message: str) -> str:
    """The message as one line of at most 400 characters; of URLs only scheme and host stay, since the rest may
    hold tokens."""
    text = _ADDRESS.sub(r"\1\2", _CONTROL.sub(" ", message)).strip()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def compose(incident: Incident, event: NoticeEvent, *, title: str | None, timezone: str) -> Text:
    """The notice that an incident opened or is resolved.

    `title` is the feed's; times are given in `timezone` (IANA name).
    """
    words = WORDS[incident.kind]
    zh, en = words.name
    if event == "resolved":
        zh, en = f"已恢复：{zh}", f"Resolved: {en}"
    mark = f"【{_SYNTHETIC}】" if incident.synthetic else ""
    # A title may be a block of YAML; a subject is one line.
    subject_line = one_line(" ".join(part for part in (incident.subject, title) if part))
    subject = f"[citylake]{mark} {zh} · {en} · {subject_line}"
    body = "\n".join([*_facts(incident, (zh, en), subject_line, timezone), *_advice(incident, event)])
    return Text(
        id=f"{incident.id}.{event}",
        at=(incident.resolved_at if event == "resolved" else None) or incident.opened_at,
        subject=subject,
        body=body + "\n",
        document=_document(incident, event, subject, body),
    )


def compose_for_steward(
    incident: Incident,
    event: NoticeEvent,
    language: Language,
    *,
    title: str | None,
    timezone: str,
    page_url: str | None,
) -> Text:
    """The notice to a steward that an incident opened or is resolved: in one language, only what a steward can do."""
    zone = ZoneInfo(timezone)

    def say(zh: str, en: str) -> str:
        return zh if language == "zh" else en

    words, colon = WORDS[incident.kind], say("：", ": ")
    name = say(*words.name)
    if event == "resolved":
        name = say(f"已恢复：{name}", f"Resolved: {name}")
    feed = one_line(f"{title} ({incident.subject})" if title else incident.subject)
    mark = say("【合成数据】", "[synthetic data] ") if incident.synthetic else ""
    lines = [name, f"{say('数据', 'Feed')}{colon}{feed}"]
    if incident.synthetic:
        lines.append(say("注意：合成数据，来自模拟城市。", "Note: synthetic data of a simulated city."))
    if incident.first is not None and incident.last is not None:
        span = f"{shown(incident.first.start, zone)} – {shown(incident.last.end, zone)} ({timezone})"
        lines.append(f"{say('时段', 'Intervals')}{colon}{span}{say('，共', '; ')}{incident.intervals}{say(' 个', '')}")
    if event == "resolved":
        lines += ["", say("无需处理。", "Nothing is left to do.")]
    else:
        lines += [
            f"{say('现状', 'Now')}{colon}{say(*words.left)}",
            f"{say('请处理', 'Please')}{colon}{say(*words.asked)}",
        ]
        lines += [f"{say('页面', 'Page')}{colon}{page_url.rstrip('/')}/feed/{incident.subject}"] if page_url else []
    body = "\n".join([*lines, "", f"{say('编号', 'Number')}{colon}{incident.id}"])
    at = (incident.resolved_at if event == "resolved" else None) or incident.opened_at
    subject = f"[citylake] {mark}{name}{colon}{feed}"
    return Text(id=f"{incident.id}.{event}", at=at, subject=subject, body=body + "\n", document={})


def _facts(incident: Incident, name: tuple[str, str], subject_line: str, timezone: str) -> list[str]:
    zone = ZoneInfo(timezone)
    lines = [f"{name[0]} · {name[1]}", f"对象 Subject: {subject_line}"]
    if incident.synthetic:
        lines.append(f"注意 Note: {_SYNTHETIC}（模拟城市，非真实业务数据 · made by the simulated city）")
    if incident.first is not None and incident.last is not None:
        span = f"{shown(incident.first.start, zone)} – {shown(incident.last.end, zone)} ({timezone})"
        lines.append(f"时段 Intervals: {span}; {incident.intervals}")
    lines.append(f"开始 Since: {shown(incident.opened_at, zone)}; 次数 occurrences: {incident.occurrences}")
    if incident.resolved_at is not None:
        lines.append(f"结束 Over: {shown(incident.resolved_at, zone)}; {incident.resolution or ''}".rstrip("; "))
    return [*lines, f"情况 What: {incident.message}"]


def _advice(incident: Incident, event: NoticeEvent) -> list[str]:
    words = WORDS[incident.kind]
    if event == "resolved":
        return ["", "无需处理。 Nothing is left to do."]
    left = incident.left or " ".join(words.left)
    step = incident.next_step or "\n  ".join(line.format(subject=incident.subject) for line in words.next_step)
    once = "本告警在恢复前不再重复发送。 This notice is not repeated while the incident lasts."
    return [f"现状 Left: {left}", f"处理 Next:\n  {step}", "", once, f"编号 Incident: {incident.id}"]


def _document(incident: Incident, event: NoticeEvent, subject: str, body: str) -> dict[str, Any]:
    facts = incident.model_dump(mode="json", exclude={"notices", "occurrence", "sequence", "event", "closed_by"})
    return {"schema_version": 1, "event": event, "subject": subject, "text": body, "incident": facts}
