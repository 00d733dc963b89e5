"""What is known of a feed before its sample is read: said by a person, or by the department's other contract.

Owns the lines of a draft that a sample says nothing about. What is not known carries a `decide:` mark, what is taken
over from another contract of the department a `guess:`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from ingestion.authoring.render import comment, scalar
from ingestion.contract.model import Contract
from ingestion.intervals import Step

_RHYTHM: dict[Step, tuple[str, str]] = {"hour": ("40 * * * *", "PT2H"), "day": ("0 8 * * *", "PT12H")}
"""Schedule and deadline for the rhythm of the calendar; other rhythms are looked for daily."""


@dataclass(frozen=True)
class Known:
    """None is unknown. `organisation` is the department's Chinese name, `neighbour` another contract of it.
    `synthetic`: the simulated city sends the feed."""

    title: str | None = None
    description: str | None = None
    product: str | None = None
    organisation: str | None = None
    neighbour: Contract | None = None
    synthetic: bool = False

    def of(self, department: str, feed: str) -> Known:
        """As it is; a neighbour is never the feed itself."""
        same = self.neighbour is not None and self.neighbour.name == f"{department}.{feed}"
        return replace(self, neighbour=None) if same else self

    def line(self, key: str, value: str | None, otherwise: str, decide: str) -> str:
        """`key: value`; where it is unknown, what stands in for it and the mark."""
        return f"{key}: {scalar(otherwise)}{comment(decide=decide)}" if value is None else f"{key}: {scalar(value)}"

    def purpose(self, otherwise: str) -> str:
        """What the feed is; of a simulated one also that it is."""
        note = " Synthetic: made by the simulated city." if self.synthetic else ""
        said = None if self.description is None else self.description + note
        return self.line("  purpose", said, otherwise + note, "what the feed is, in English")

    def rhythm(self, step: Step) -> list[str]:
        """When to look for files."""
        if self.product is None:
            return [
                f'      schedule: "0 8 * * *"{comment(decide="when to look for files, local time")}',
                f"      deadline: P1D{comment(decide='after which a delivery is late')}",
            ]
        schedule, deadline = _RHYTHM.get(step, ("0 8 * * *", "P1D"))
        why = comment(guess="the calendar")
        again = f"      recapture: P3D{comment(guess='late and corrected files come within days')}"
        return [f'      schedule: "{schedule}"{why}', f"      deadline: {deadline}{why}", again]

    def first_day(self, key: str, day: date | None, decide: str) -> str:
        """A date that is the month of the sample, or stands in for one."""
        if self.product is None or day is None:
            return f"{key}: 2026-01-01{comment(decide=decide)}"
        return f"{key}: {day.replace(day=1)}{comment(guess='the month of the sample')}"

    def steward(self, department: str) -> list[str]:
        """Who hears of a refused delivery."""
        name, email = f"{department} data steward", f"steward.{department}@example.invalid"
        mark = comment(decide="role mailbox")
        if self.neighbour is not None:
            said = self.neighbour.citylake.steward
            name, email, mark = said.name, said.email, self._as_in()
        elif self.organisation is not None:
            name, mark = f"{self.organisation}数据管理员", comment(guess="the department")
        return ["      steward:", f"        name: {scalar(name)}{mark}", f"        email: {email}"]

    def provider(self, department: str) -> list[str]:
        """提供方 and what follows from it."""
        if self.neighbour is not None:
            said = self.neighbour.citylake.catalogue
            category = "/".join(said.category.split("/")[:2])
            code = (
                [] if said.provider_code is None else [f'        provider_code: "{said.provider_code}"{self._as_in()}']
            )
            provider = f"        provider: {scalar(said.provider)}{self._as_in()}"
            return [f"        category: {category}{comment(decide='信息资源分类')}", provider, *code]
        name = self.organisation or department
        mark = "" if self.organisation else comment(decide="信息资源提供方")
        return [
            f"        category: 部门信息资源{'/' + name if self.organisation else ''}{comment(decide='信息资源分类')}",
            f"        provider: {scalar(name)}{mark}",
        ]

    def terms(self, *, personal: bool) -> list[str]:
        """Licence and retention: shorter where a column is personal."""
        if self.neighbour is not None:
            said, kept, mark = self.neighbour.citylake, self.neighbour.citylake.retention, self._as_in()
            return [
                f"      licence: {scalar(said.licence)}{mark}",
                "      retention:",
                f"        raw: P{kept.raw.days}D{mark}",
                f"        quarantine: P{kept.quarantine.days}D{mark}",
                f"        basis: {scalar(kept.basis)}{mark}",
                *(["      synthetic: true"] if self.synthetic else []),
            ]
        times = {"raw": "P1095D", "quarantine": "P180D"}
        marks = {"raw": comment(decide="how long delivered files are kept")}
        marks |= {"quarantine": comment(decide="how long refused rows are kept")}
        if self.product is not None:
            times = {"raw": "P365D", "quarantine": "P90D"} if personal else times
            marks = dict.fromkeys(times, comment(guess="personal data" if personal else "nothing personal"))
        return [
            f"      licence: {scalar('internal use')}{comment(decide='the licence')}",
            "      retention:",
            *(f"        {key}: {value}{marks[key]}" for key, value in times.items()),
            f"        basis: {scalar('to be decided')}{comment(decide='the rule behind both')}",
            *(["      synthetic: true"] if self.synthetic else []),
        ]

    def _as_in(self) -> str:
        return comment(guess=f"as in {self.neighbour.name}") if self.neighbour else ""


NOTHING = Known()
