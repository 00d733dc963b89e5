"""ORU^R01 messages of HL7 v2.5 from rows of reports: one message for reports of one person beside each other.

UTF-8, segments end with CR. Names and texts have escapes, a person's identifiers are a repetition of PID-3.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from infra.simulator.health.lines import joined, where
from infra.simulator.rows import Rows, Texts, texts

END = "\r"


def escaped(values: Texts) -> Texts:
    """Texts with the delimiters of HL7 written as escapes."""
    made = values
    for mark, name in (("\\", "E"), ("|", "F"), ("^", "S"), ("&", "T"), ("~", "R")):
        made = pc.replace_substring(made.astype(str), mark, f"\\{name}\\")
        made = made.to_numpy(zero_copy_only=False).astype(object)
    return made


def hl7_bytes(rows: Rows) -> bytes:
    """The file of the rows, in their order."""
    if not len(rows):
        return b""
    count, cells = len(rows), rows.cells
    person = _person(count, cells)
    is_first = np.ones(count, bool)
    same = (person[1:] == person[:-1]) & (cells["laboratory_code"][1:] == cells["laboratory_code"][:-1])
    is_first[1:] = ~same
    began = np.flatnonzero(is_first)
    number = np.arange(count) - began[np.cumsum(is_first) - 1] + 1
    head = where(is_first, joined(count, _header(count, cells), person))
    body = joined(count, _report(count, cells, texts(number, "%d")))
    return "".join(joined(count, head, body)).encode("utf-8")


def _header(count: int, cells: dict[str, Texts]) -> Texts:
    number = texts(np.arange(1, count + 1), "%06d")
    return joined(
        count, "MSH|^~\\&|LIS|", cells["laboratory_code"], "|HIE|ZS|", cells["issued_at"], "||ORU^R01^ORU_R01|",
        cells["laboratory_code"], cells["issued_at"], number, "|P|2.5||||||UNICODE UTF-8", END,
    )  # fmt: skip


def _person(count: int, cells: dict[str, Texts]) -> Texts:
    """PID and PV1."""
    name = joined(count, escaped(cells["family"]), "^", escaped(cells["given"]))
    alias = where(cells["alias"] != "", joined(count, "~", escaped(cells["alias"]), "^^^^^^A"))
    return joined(
        count, "PID|1||", cells["patient_no"], "^^^ZS-H2^PI~", cells["resident"], "^^^CN^NI||", name, alias, "||",
        cells["birth_date"], "|", cells["sex"], "|||", escaped(cells["address"]), "^^中山市^广东省^",
        cells["town_code"], "^CHN||", cells["phone"], END, "PV1|1|O", END,
    )  # fmt: skip


def _report(count: int, cells: dict[str, Texts], number: Texts) -> Texts:
    """ORC, OBR, a result, a note and the segment that says whether an outside result was recognised and who asked."""
    order = joined(count, "ORC|RE||", cells["report_no"], END)
    request = joined(
        count, "OBR|", number, "||", cells["report_no"], "|", cells["item_code"], "^", cells["item_name"], "^ZS|||",
        cells["examined_at"], "|" * 15, cells["issued_at"], "|||",
        cells["status"], END,
    )  # fmt: skip
    result = joined(count, "OBX|1|TX|", cells["item_code"], "^结果^ZS||", cells["result"], "||||||F", END)
    note = joined(count, "NTE|1|L|", cells["note"], END)
    return joined(
        count, order, request, result, note, "ZRR|1|", cells["is_recognised"], "|", cells["ordering_facility_code"], END
    )
