"""Keys and pseudonyms: equal to Python's hmac, NULL stays NULL, nothing of the key is shown."""

from __future__ import annotations

import hashlib
import hmac
import json
import stat
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from ingestion.conform.pseudonym import PseudonymKeys, hmac_sql
from ingestion.contract.extension import JsonFormat
from ingestion.errors import ConfigurationError
from ingestion.settings import Settings

MASTER = bytes.fromhex("00112233445566778899aabbccddeeff" * 2)


def expected(purpose: str, value: str) -> str:
    return hmac.new(
        hmac.new(MASTER, purpose.encode(), hashlib.sha256).digest(), value.encode(), hashlib.sha256
    ).hexdigest()


def pseudonym(keys: PseudonymKeys, purpose: str, value: str) -> str:
    """What conform's SQL makes of one value."""
    inner, outer = keys.pads(purpose)
    query = f"select {hmac_sql('$value')}"
    return str(duckdb.execute(query, {"value": value, "inner": inner, "outer": outer}).fetchone()[0])  # type: ignore[index]


def test_pseudonyms_in_bronze_equal_pythons_hmac(make: Any) -> None:
    person = make.deidentify("pseudonym", purpose="food")
    table = make.table(
        make.column("id", deidentify=person, normalise=["upper"]),
        make.column("phone", deidentify=make.deidentify("pseudonym", purpose="complaint"), normalise=["digits"]),
        make.column("n", "INTEGER", primary_key=1),
    )
    payload = "id,phone,n\n44200019900101123x,138-0013-8000,1\n44200019900101123X,+86,2\n,13800138000,3\n张三, ,4\n"
    found = make.conform(make.contract(table), payload.encode()).tables["t"]
    assert make.rows(found.bronze) == [
        {"id": expected("food", "44200019900101123X"), "phone": expected("complaint", "13800138000"), "n": 1},
        {"id": expected("food", "44200019900101123X"), "phone": expected("complaint", "86"), "n": 2},
        {"id": None, "phone": expected("complaint", "13800138000"), "n": 3},
        {"id": expected("food", "张三"), "phone": None, "n": 4},
    ]
    assert expected("food", "张三") != expected("complaint", "张三")


def test_nothing_left_to_identify_is_null_not_a_shared_pseudonym(make: Any) -> None:
    column = make.column("phone", deidentify=make.deidentify("pseudonym", purpose="c"), normalise=["digits"])
    found = make.conform(make.contract(make.table(column, make.column("n", primary_key=1))), b"phone,n\nnone,1\n13,2\n")
    assert [row["phone"] for row in make.rows(found.tables["t"].bronze)] == [None, expected("c", "13")]


def test_rules_see_the_raw_value_and_keys_the_pseudonym(make: Any) -> None:
    column = make.column(
        "phone", primary_key=1, pattern="^1[3-9][0-9]{9}$", deidentify=make.deidentify("pseudonym", purpose="c")
    )
    found = make.conform(make.contract(make.table(column)), b"phone\n13800138000\n13800138000\n138-0013\n").tables["t"]
    assert (found.accepted, found.duplicates, found.rules) == (1, 1, {"phone.pattern": 1})


def test_raw_values_reach_no_bronze_byte(make: Any) -> None:
    table = make.table(
        make.column("phone", deidentify=make.deidentify("pseudonym", purpose="c")),
        make.column("name", deidentify=make.deidentify("drop")),
        make.column("card", deidentify=make.deidentify("mask", keep_first=3, keep_last=2)),
        make.column("born", "DATE", deidentify=make.deidentify("generalise", to="birth_band_5y")),
        make.column("citizen_id", deidentify=make.deidentify("generalise", to="birth_band_5y")),
        make.column("town", deidentify=make.deidentify("generalise", to="division_6")),
        make.column("seen_at", "TIMESTAMP", deidentify=make.deidentify("generalise", to="hour")),
        make.column("month", "DATE", deidentify=make.deidentify("generalise", to="month")),
        make.column("short", deidentify=make.deidentify("mask", keep_last=4)),
    )
    values = {
        "phone": "13800138000",
        "name": "zhangsan",
        "card": "6222001234",
        "born": "1993-04-05",
        "citizen_id": "442000198506153320",
        "town": "442000101",
        "seen_at": "2026-03-02 09:31:00",
        "month": "2026-03-17",
        "short": "abc",
    }
    payload = ",".join(values) + "\n" + ",".join(values.values()) + "\n"
    found = make.conform(make.contract(table), payload.encode()).tables["t"]
    (row,) = make.rows(found.bronze)
    assert {k: str(v) for k, v in row.items()} == {
        "phone": expected("c", "13800138000"),
        "card": "622*****34",
        "born": "1990-1994",
        "citizen_id": "1985-1989",
        "town": "442000",
        "seen_at": "2026-03-02 09:00:00",
        "month": "2026-03-01",
        "short": "***",
    }
    bronze = found.bronze.read_bytes()
    for value in ("13800138000", "zhangsan", "6222001234", "442000198506153320"):
        assert value.encode() not in bronze


@pytest.mark.parametrize(
    ("kind", "to", "sent"),
    [
        ("VARCHAR", "birth_band_5y", "442000198506153320"),
        ("VARCHAR", "division_6", "442000101"),
        ("DATE", "birth_band_5y", "1985-06-15"),
        ("DATE", "month", "1985-06-15"),
        *(("TIMESTAMP", to, "1985-06-15 09:31:00") for to in ("hour", "date", "month", "year")),
        *(("TIMESTAMPTZ", to, "1985-06-15 09:31:00") for to in ("hour", "date", "month", "year")),
    ],
)
def test_bronze_has_the_type_that_the_column_says(make: Any, kind: str, to: str, sent: str) -> None:
    column = make.column("value", kind, deidentify=make.deidentify("generalise", to=to))
    contract = make.contract(make.table(make.column("id", "INTEGER", primary_key=1), column))
    bronze = make.conform(contract, f"id,value\n1,{sent}\n".encode()).tables["t"].bronze
    found = duckdb.execute("select typeof(value) from read_parquet(?)", [str(bronze)]).fetchone()
    assert found == ({"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}.get(column.bronze_type, column.bronze_type),)


def test_more_values_than_are_remembered(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.conform.pseudonymise._MAX_CACHED", 5)
    monkeypatch.setattr("ingestion.parsers.records.CHUNK", 64)
    column = make.column("v", deidentify=make.deidentify("pseudonym", purpose="c"))
    payload = "v,n\n" + "".join(f"value{i % 17},{i}\n" for i in range(60))
    found = make.conform(
        make.contract(make.table(column, make.column("n", "INTEGER", primary_key=1))), payload.encode()
    )
    rows = make.rows(found.tables["t"].bronze)
    assert sorted((r["n"], r["v"]) for r in rows) == [(i, expected("c", f"value{i % 17}")) for i in range(60)]


def test_json_values_are_pseudonymised_too(make: Any) -> None:
    column = make.column("badge", path="$.inspector.badge", deidentify=make.deidentify("pseudonym", purpose="staff"))
    contract = make.contract(make.table(column), format=JsonFormat(type="ndjson"))
    found = make.conform(contract, b'{"inspector":{"badge":"B1","name":"n"}}\n').tables["t"]
    assert make.rows(found.bronze) == [{"badge": expected("staff", "B1")}]


def test_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    with pytest.raises(ConfigurationError, match="no key file for pseudonyms"):
        PseudonymKeys.load(settings)
    made = PseudonymKeys.create(settings)
    path = settings.pseudonym_keys_path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    text = path.read_text()
    assert PseudonymKeys.create(settings).pads("p") == PseudonymKeys.load(settings).pads("p")
    assert path.read_text() == text
    document = json.loads(text)
    assert (made.version, len(bytes.fromhex(document["keys"]["1"]))) == (1, 32)
    assert document["keys"]["1"] not in repr(made)
    assert repr(made) == "PseudonymKeys(version=1)"
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="can be read by others"):
        PseudonymKeys.load(settings)


def test_the_current_key_is_used(tmp_path: Path) -> None:
    path = tmp_path / "k.json"
    path.write_text(json.dumps({"current": 2, "keys": {"1": "00" * 32, "2": MASTER.hex()}}))
    path.chmod(0o600)
    keys = PseudonymKeys.load(Settings(home=tmp_path, pseudonym_keys=path))
    assert (keys.version, pseudonym(keys, "food", "x")) == (2, expected("food", "x"))


@pytest.mark.parametrize(
    "text", ["{}", "[]", "x", '{"current": 3, "keys": {"1": "00"}}', '{"current": 1, "keys": {"1": "zz"}}']
)
def test_unusable_key_files_say_so_without_showing_keys(tmp_path: Path, text: str) -> None:
    path = tmp_path / "k.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match=r"k\.json"):
        PseudonymKeys.load(Settings(home=tmp_path, pseudonym_keys=path))


def test_key_version_is_in_the_result(make: Any) -> None:
    assert make.conform(make.contract(make.table(make.column("a"))), b"a\n1\n").key_version == 1


def test_dictionary_columns_are_plain_text_to_readers(make: Any) -> None:
    column = make.column("a", deidentify=make.deidentify("pseudonym", purpose="p"))
    found = make.conform(make.contract(make.table(column)), b"a\n1\n").tables["t"]
    assert {str(field.type) for field in pq.read_schema(found.bronze)} == {"string", "timestamp[us, tz=UTC]"}
