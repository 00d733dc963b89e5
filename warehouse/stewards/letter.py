"""The text of a mail to the steward of refused deliveries, in one language: Chinese or English.

It names files, counts and rules and says what the steward can do; it holds no row values, and its length is bounded
whatever was refused. `stewards.mail` decides who gets which deliveries when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ingestion.clocks import shown
from ingestion.contract.model import Contract
from ingestion.intervals import Interval
from ingestion.values.visible import visible
from warehouse.refused.words import delivery_words
from warehouse.stewards.deliveries import CorrectBy, correct_by
from warehouse.stewards.outbox import OutboxItem
from warehouse.title import Language, Title

FILES = 30
"""Files that one mail describes; of more, their number is said."""
RULES = 8
"""Rules that one file's part of a mail lists."""
_WORDS = 200
_NAME = 80


@dataclass(frozen=True)
class Letter:
    """Who is written to, in which language, at what time, and how times and links are given."""

    steward: str
    language: Language
    now: datetime
    zone: ZoneInfo
    page_url: str | None
    contracts: Mapping[str, Contract]

    def subject(self, refused: Sequence[OutboxItem], corrected: Sequence[OutboxItem]) -> str:
        """One line: how many files of which feeds, and where all is synthetic, that it is."""
        listed = refused or corrected
        feeds = list(dict.fromkeys(item.feed for item in listed))
        names = self._title(feeds[0]) + (self._say("等", " and others") if len(feeds) > 1 else "")
        count = len(listed)
        files = "1 file" if count == 1 else f"{count:,} files"
        what = (
            self._say(f"{count} 个报送文件被退回，请更正", f"{files} refused, please correct")
            if refused
            else self._say(f"{count} 个报送文件的更正已通过", f"correction accepted of {files}")
        )
        mark = self._say("【合成数据】", "[synthetic data] ") if any(item.synthetic for item in listed) else ""
        return visible(f"[citylake] {mark}{what}{self._say('：', ': ')}{names}", _WORDS)

    def body(
        self, refused: Sequence[OutboxItem], corrected: Sequence[OutboxItem], mended: frozenset[tuple[str, str]]
    ) -> str:
        """The text. `mended` are the refused ones (feed, batch) whose correction has come already."""
        lines = [self._greeting(), ""]
        if any(item.synthetic for item in (*refused, *corrected)):
            lines += [self._say("注意：合成数据，来自模拟城市。", "Note: synthetic data of a simulated city."), ""]
        if refused:
            lines += [
                self._say(
                    "以下报送文件未通过检查，没有进入数据仓库；之前通过的数据继续有效。",
                    "These files were refused and did not reach the warehouse; what passed before stays in force.",
                ),
                "",
            ]
            for number, item in enumerate(refused[:FILES], 1):
                lines += [*self._file(number, item, is_mended=(item.feed, item.batch) in mended), ""]
            lines += self._more(len(refused) - FILES)
        if corrected:
            lines += [self._say("以下文件的更正已通过，无需再处理：", "These were corrected; nothing is left to do:")]
            lines += [f"- {self._line(item)}" for item in corrected[:FILES]]
            lines += ["", *self._more(len(corrected) - FILES)]
        return "\n".join([*lines, *self._closing(refused)]) + "\n"

    def _file(self, number: int, item: OutboxItem, *, is_mended: bool) -> Iterator[str]:
        words, mend = delivery_words(item.rule)
        yield f"{number}. {item.filename}"
        yield f"   {self._say('数据', 'Feed')}{self._colon}{self._title(item.feed)}"
        yield f"   {self._say('时段', 'Interval')}{self._colon}{self._span(item)}"
        counted = self._say(
            f"收到 {item.received:,} 行，不合格 {item.rows:,} 行", f"{item.rows:,} of {item.received:,} rows refused"
        )
        yield f"   {self._say('原因', 'Why')}{self._colon}{self._of(words)}{f' ({counted})' if item.received else ''}"
        yield from self._rules(item)
        if is_mended:
            mended = self._say(
                "更正文件已收到并通过，无需处理。", "A correction came and passed: nothing is left to do."
            )
            yield f"   {mended}"
            return
        yield f"   {self._say('请处理', 'Please')}{self._colon}{self._of(mend)}"
        yield from (f"   {line}" for line in self._until(self._by(item)))
        if self.page_url:
            link = f"{self.page_url.rstrip('/')}/refused/{item.feed}/{item.batch}"
            yield f"   {self._say('逐行清单', 'Row by row')}{self._colon}{link}"

    def _rules(self, item: OutboxItem) -> Iterator[str]:
        for count in item.rules[:RULES]:
            rows = self._say(f"{count.rows:,} 行", f"{count.rows:,} rows" if count.rows > 1 else "1 row")
            yield f"   - {self._of(count.words)}{self._colon}{rows}"
        rest = item.rules[RULES:]
        if rest:
            yield f"   - {self._say(f'另有 {len(rest)} 条规则', f'and {len(rest)} more rules')}"

    def _until(self, by: CorrectBy) -> list[str]:
        if by.due is None or by.taken_until is None:
            return []
        due, taken = shown(by.due, self.zone), shown(by.taken_until, self.zone)
        if self.now < by.due:
            return [
                self._say(
                    f"期限：{due} 前报送不算迟报；{taken} 前到达的更正自动补入",
                    f"By when: on time until {due}; taken in by itself until {taken}",
                )
            ]
        if self.now < by.taken_until:
            return [
                self._say(
                    f"期限：报送期限 {due} 已过；{taken} 前到达的更正仍自动补入",
                    f"By when: it was due {due}; a correction is still taken in by itself until {taken}",
                )
            ]
        return [
            self._say(
                f"期限：自动补入已于 {taken} 截止；更正报送后请告知数据湖运维人员",
                f"By when: nothing is taken in by itself since {taken}; tell the lake's operators once it is sent",
            )
        ]

    def _by(self, item: OutboxItem) -> CorrectBy:
        contract = self.contracts.get(item.feed)
        return correct_by(contract, Interval(item.interval.start, item.interval.end)) if contract else CorrectBy()

    def _closing(self, refused: Sequence[OutboxItem]) -> list[str]:
        said = []
        if refused and not self.page_url:
            said.append(
                self._say(
                    "逐行清单（工作簿）请向数据湖运维人员索取。", "The lake's operators have the rows, as a workbook."
                )
            )
        return [*said, self._say("本邮件由系统自动发送。", "This mail was sent by a program.")]

    def _more(self, count: int) -> list[str]:
        return (
            [self._say(f"另有 {count:,} 个文件，见页面。", f"And {count:,} more files; see the page."), ""]
            if count > 0
            else []
        )

    def _greeting(self) -> str:
        named = {c.citylake.steward.name for c in self.contracts.values() if c.citylake.steward.email == self.steward}
        name = visible(sorted(named)[0], _NAME) if named else self._say("数据管理员", "steward")
        return self._say(f"{name}：", f"Dear {name},")

    def _line(self, item: OutboxItem) -> str:
        return (
            f"{item.filename}{self._say('，', ', ')}{self._title(item.feed)}{self._say('，', ', ')}{self._span(item)}"
        )

    def _span(self, item: OutboxItem) -> str:
        start, end = shown(item.interval.start, self.zone), shown(item.interval.end, self.zone)
        return f"{start} – {end} ({self.zone.key})"

    def _title(self, feed: str) -> str:
        """The feed's title, which is Chinese; to others its name."""
        contract = self.contracts.get(feed)
        title = contract.title.strip() if contract and self.language == "zh" else ""
        return f"{visible(title, _NAME)}（{feed}）" if title else feed

    def _of(self, words: Title) -> str:
        return visible(words.of(self.language), _WORDS)

    def _say(self, zh: str, en: str) -> str:
        return zh if self.language == "zh" else en

    @property
    def _colon(self) -> str:
        return self._say("：", ": ")
