"""What is known of a feed before its sample is read: said by a person, or by the department's other contract.

Owns the lines of a draft that a sample says nothing about. What is not known carries a `decide:` mark, what is taken
over from another contract of the department a `guess:`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ingestion.authoring.render import comment, scalar
from ingestion.contract.model import Contract
from ingestion.intervals import Step

_RHYTHM: dict[Step, tuple[str, str]] = {"hour": ("40 * * * *", "PT2H"), "day": ("0 8 * * *", "PT12H")}
"""Schedule and deadline for the rhythm of the calendar; other rhythms are looked for daily."""


@dataclass(frozen=True)
class Known:
    """None is unknown. `organisation` is the department's Chinese name, `neighbour` another contract of it."""

    title: str | None = None
    description: str | None = None
    product: str | None = None
    organisation: str | None = None
    neighbour: Contract | None = None

    def of(self, department: str, feed: str) -> Known:
        """As it is; a neighbour is never the feed itself."""
        same = self.neighbour is not None and self.neighbour.name == f"{department}.{feed}"
        return replace(self, neighbour=None) if same else self

    def line(self, key: str, value: str | None, otherwise: str, decide: str) -> str:
        """`key: value`; where it is unknown, what stands in for it and the mark."""
        return f"{key}: {scalar(otherwise)}{comment(decide=decide)}" if value is None else f"{key}: {scalar(value)}"

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

    def steward(self, department: str) -> list[str]:
        """Who hears of a refused delivery."""
        name, email = f"{department} data steward", f"steward.{department}@example.invalid"
        mark = comment(decide="role mailbox")
        if self.neighbour is not None:
            said = self.neighbour.citylake.steward
            name, email, mark = said.name, said.email, self._as_in()
        elif self.organisation is not None:
            name = f"{self.organisation}数据管理员"
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

    def terms(self) -> list[str]:
        """Licence and retention."""
        if self.neighbour is not None:
            said, kept, mark = self.neighbour.citylake, self.neighbour.citylake.retention, self._as_in()
            return [
                f"      licence: {scalar(said.licence)}{mark}",
                "      retention:",
                f"        raw: P{kept.raw.days}D{mark}",
                f"        quarantine: P{kept.quarantine.days}D{mark}",
                f"        basis: {scalar(kept.basis)}{mark}",
            ]
        return [
            f"      licence: {scalar('internal use')}{comment(decide='the licence')}",
            "      retention:",
            f"        raw: P1095D{comment(decide='how long delivered files are kept')}",
            f"        quarantine: P180D{comment(decide='how long refused rows are kept')}",
            f"        basis: {scalar('to be decided')}{comment(decide='the rule behind both')}",
        ]

    def _as_in(self) -> str:
        return comment(guess=f"as in {self.neighbour.name}") if self.neighbour else ""


NOTHING = Known()
