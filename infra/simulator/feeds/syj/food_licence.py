"""食品经营许可: the whole register every morning, CSV in GB18030 with Windows line ends."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from infra.simulator.city import City
from infra.simulator.dirt import spoil
from infra.simulator.feed import Feed
from infra.simulator.model import Slot, TableTruth
from infra.simulator.planted import LICENCE
from infra.simulator.rows import Rows, Texts
from infra.simulator.writers import csv_bytes

COLUMNS = (
    "许可证编号", "经营者名称", "统一社会信用代码", "法定代表人", "身份证号码", "主体业态", "经营项目", "经营场所",
    "镇街代码", "发证日期", "有效期至", "联系电话", "许可状态",
)  # fmt: skip


def _render(city: City, slot: Slot) -> tuple[bytes, dict[str, TableTruth]]:
    # Before the run the register stands as on the day before its first.
    day_no = max(city.day_no(slot.start), 0)
    register = city.businesses
    listed = np.flatnonzero(register.opened <= day_no)
    status = np.where(register.closed > day_no, "有效", np.where(register.revoked, "吊销", "注销")).astype(object)
    columns: tuple[Texts, ...] = (
        register.licence_no, register.name, register.uscc, register.legal_rep, register.legal_rep_id, register.kind,
        register.items, register.address, register.town_code, register.issued.astype(str).astype(object),
        register.valid_to.astype(str).astype(object), register.phone, status,
    )  # fmt: skip
    rows = Rows({name: column[listed] for name, column in zip(COLUMNS, columns, strict=True)})
    plan = city.planted(LICENCE, slot.start, slot.revision)
    rng = city.rng(LICENCE, slot.start.isoformat(), slot.revision, "dirt")
    day = slot.start.date().isoformat()
    spoil(rows, plan, rng, scale=city.scale, day=day, reach=register.quiet[listed])
    content = csv_bytes(rows, COLUMNS, encoding="gb18030", newline="\r\n")
    return content, {"food_licence": rows.truth()}


FEED = Feed(
    department="syj",
    name="food_licence",
    every="day",
    filename="food_licence_{start:%Y%m%d}{suffix}.csv",
    arrives=timedelta(hours=6, minutes=30),
    render=_render,
    history="files",
)
