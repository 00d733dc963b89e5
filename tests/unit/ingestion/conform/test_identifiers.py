"""Penalties with wrong identifiers, parties and dates: what is normalised, what is flagged, what is refused and how."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.conform.compile import TablePlan
from ingestion.conform.run import conform, conform_small
from ingestion.contract import model
from ingestion.contract.load import load_contract
from ingestion.contract.model import Contract
from ingestion.errors import DeliveryRefused
from ingestion.values.uscc_exceptions import exceptions
from tests.support.small_contract import BASE

USCC, PERSON_ID = "91442000MA4W000110", "11010519491231002X"
ISSUED = exceptions()[0]
"""A code that was issued with a wrong check character."""

COLUMNS = """
- {name: doc_no, physicalName: doc_no, businessName: 文号, description: No., primaryKey: true, primaryKeyPosition: 1}
- {name: party, physicalName: party, businessName: 相对人, description: Party., classification: internal}
- {name: uscc, physicalName: uscc, businessName: 代码, description: Credit code.}
- {name: party_id_no, physicalName: party_id_no, businessName: 证件号码, description: Number., classification: personal}
- {name: decided, physicalName: decided, businessName: 日期, description: Day., physicalType: DATE, logicalType: date}
"""
TABLE = """
event_time: decided
columns:
  uscc: {normalise: [nfkc, upper]}
  party_id_no: {normalise: [nfkc, upper], deidentify: {method: pseudonym, purpose: credit}}
rules:
- {id: party_present, expression: "coalesce(party, uscc, party_id_no) is not null", description: A penalty has a party.}
- {id: not_future, expression: decided <= content_date, column: decided, description: Decided before it is reported.}
- {id: uscc_check_digit, check: uscc, column: uscc, severity: flag, description: Right check character.}
- {id: id_check_digit, check: citizen_id, column: party_id_no, description: Right check digit.}
"""


@pytest.fixture
def document() -> dict[str, Any]:
    """A small contract of penalties, to change."""
    made: dict[str, Any] = yaml.safe_load(yaml.safe_dump(BASE))
    text = {"logicalType": "string", "physicalType": "VARCHAR"}
    made["schema"][0]["properties"] = [text | column for column in yaml.safe_load(COLUMNS)]
    made["customProperties"][0]["value"] |= {
        "tables": {"visit": yaml.safe_load(TABLE)}, "max_refused_share": 0.5,
    }  # fmt: skip
    return made


def loaded(document: dict[str, Any], folder: Path) -> Contract:
    path = folder / "visit.yaml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load_contract(path)


def row(n: int, *, party: str = "某公司", uscc: str = "", person: str = "", decided: str = "2026-03-02") -> str:
    return f"{n},{party},{uscc},{person},{decided}\n"


def conformed(make: Any, contract: Contract, *rows: str, **facts: Any) -> Any:
    make.runs += 1
    path = make.folder / f"penalties{make.runs}"
    path.write_text("doc_no,party,uscc,party_id_no,decided\n" + "".join(rows), encoding="utf-8")
    return conform(contract, make.payload(path, **facts), keys=make.keys, settings=make.settings).tables["visit"]


@pytest.mark.parametrize("sent", ["11010519491231002x", "１１０１０５１９４９１２３１００２Ｘ", "1101051949123100２ｘ"])
def test_an_id_with_full_width_digits_or_lower_case_x_is_read_as_the_number_it_is(
    make: Any, document: Any, tmp_path: Path, sent: str
) -> None:
    found = conformed(make, loaded(document, tmp_path), row(1, person=sent), row(2, person=PERSON_ID))
    assert (found.accepted, found.rules) == (2, {})
    pseudonyms = {each["party_id_no"] for each in make.rows(found.bronze)}
    assert len(pseudonyms) == 1


@pytest.mark.parametrize("sent", ["11010519491231002x", "１１０１０５１９４９１２３１００２Ｘ"])
def test_without_normalise_it_is_refused_as_it_was_sent(make: Any, document: Any, tmp_path: Path, sent: str) -> None:
    del document["customProperties"][0]["value"]["tables"]["visit"]["columns"]["party_id_no"]["normalise"]
    found = conformed(make, loaded(document, tmp_path), row(1, person=sent), row(2, person=PERSON_ID))
    (refused,) = make.rows(found.quarantine)
    assert refused["rules"] == ["id_check_digit"]
    assert refused["detail"] == f"party_id_no={sent}"


def test_a_code_in_another_spelling_raises_no_flag_and_is_one_code(make: Any, document: Any, tmp_path: Path) -> None:
    sent = [USCC.lower(), "９１４４２０００ＭＡ４Ｗ０００１１０", USCC]
    found = conformed(make, loaded(document, tmp_path), *(row(n, uscc=code) for n, code in enumerate(sent)))
    assert found.flags == {}
    assert [each["uscc"] for each in make.rows(found.bronze)] == [USCC] * 3
    found = conformed(make, loaded(document, tmp_path), row(1, uscc=f"{USCC[:-1]}1"))
    assert (found.accepted, found.flags) == (1, {"uscc_check_digit": 1})


@pytest.mark.parametrize("severity", ["flag", "refuse"])
def test_a_code_really_issued_with_a_wrong_check_character_counts_as_right_on_its_days(
    make: Any, document: Any, tmp_path: Path, severity: str
) -> None:
    document["customProperties"][0]["value"]["tables"]["visit"]["rules"][2]["severity"] = severity
    contract = loaded(document, tmp_path)
    rows = (row(1, uscc=ISSUED.uscc.lower(), decided="2014-01-01"), row(2, uscc=USCC, decided="2014-01-01"))
    found = conformed(make, contract, *rows)
    assert (found.accepted, found.flags, found.rules) == (2, {}, {})
    before = datetime.combine(ISSUED.valid_from, datetime.min.time(), UTC).replace(year=ISSUED.valid_from.year - 1)
    found = conformed(make, contract, *rows, content_as_of=before)
    assert (found.flags if severity == "flag" else found.rules) == {"uscc_check_digit": 1}


def test_deliveries_conformed_together_are_judged_each_by_its_day(make: Any, document: Any, tmp_path: Path) -> None:
    contract = loaded(document, tmp_path)
    payloads = []
    for year in (ISSUED.valid_from.year - 1, ISSUED.valid_from.year + 1):
        path = tmp_path / f"of{year}"
        path.write_text(
            "doc_no,party,uscc,party_id_no,decided\n" + row(1, uscc=ISSUED.uscc, decided="2014-01-01"), encoding="utf-8"
        )
        as_of = datetime(year, 12, 31, tzinfo=UTC)
        payloads.append(make.payload(path, content_as_of=as_of, scratch=tmp_path / f"scratch{year}"))
    early, late = conform_small(contract, payloads, keys=make.keys, settings=make.settings)
    assert not isinstance(early, Exception) and not isinstance(late, Exception)
    assert (early.tables["visit"].flags, late.tables["visit"].flags) == ({"uscc_check_digit": 1}, {})


def test_a_decision_dated_in_the_future(make: Any, document: Any, tmp_path: Path) -> None:
    """The delivery's content is of 2026-03-03."""
    contract = loaded(document, tmp_path)
    found = conformed(make, contract, row(1, decided="2026-03-03"), row(2, decided="2026-03-04"), row(3))
    (refused,) = make.rows(found.quarantine)
    assert (refused["record"], refused["rules"], refused["detail"]) == (2, ["not_future"], "decided=2026-03-04")
    with pytest.raises(DeliveryRefused) as caught:
        conformed(make, contract, row(1, decided="2062-03-02"), row(2, decided="2062-03-02"), row(3))
    told = str(caught.value)
    assert "office.visit" in told and "2 of 3 rows of visit are refused (66.7%, limit 50.0%): not_future 2" in told
    assert (
        "its bytes are kept in raw, bronze is unchanged" in told and "next:  send the steward the refused rows" in told
    )


def test_a_penalty_without_party(make: Any, document: Any, tmp_path: Path) -> None:
    found = conformed(
        make, loaded(document, tmp_path), row(1), row(2, party=""), row(3, party=" ", uscc=USCC), row(4, party="\u3000")
    )
    assert make.refused(found.quarantine) == [(2, ["party_present"]), (4, ["party_present"])]
    assert make.rows(found.quarantine)[0]["original_text"] == "2,,,,2026-03-02"
    with pytest.raises(DeliveryRefused, match=r"3 of 3 rows of visit are refused .*: party_present 3"):
        conformed(make, loaded(document, tmp_path), *(row(n, party="") for n in range(3)))


def test_a_value_is_normalised_once_however_often_it_is_needed(document: Any, tmp_path: Path) -> None:
    """Bronze, the row's hash, its key and a check need it, and folding full-width characters is dear."""
    document["schema"][0]["properties"][0]["primaryKey"] = False
    del document["schema"][0]["properties"][0]["primaryKeyPosition"]
    document["schema"][0]["properties"][2] |= {"primaryKey": True, "primaryKeyPosition": 1}
    contract = loaded(document, tmp_path)
    assert TablePlan(contract, contract.tables[0]).statement().count("nfc_normalize") == 2  # the code and the id


def test_only_what_a_check_refuses_depends_on_how_it_judges(
    document: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flag is only counted: another list of exceptions makes no bronze again."""
    rules = document["customProperties"][0]["value"]["tables"]["visit"]["rules"]
    del rules[3]
    flags = loaded(document, tmp_path).revision
    rules[2]["severity"] = "refuse"
    refuses = loaded(document, tmp_path).revision
    monkeypatch.setattr(model, "exceptions", tuple)
    assert loaded(document, tmp_path).revision != refuses
    rules[2]["severity"] = "flag"
    assert loaded(document, tmp_path).revision == flags
