"""What YAML allows and a contract must not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ingestion.contract.problem import InvalidContract
from ingestion.contract.yaml_text import MAX_BYTES, read_yaml


def _message(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "contract.yaml"
    path.write_bytes(data)
    with pytest.raises(InvalidContract) as caught:
        read_yaml(path)
    return str(caught.value)


def test_lines_of_key_paths(tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    path.write_text("a: 1\nb:\n  - c: 2\n    d: [x, y]\n")
    data, report = read_yaml(path)
    assert data == {"a": 1, "b": [{"c": 2, "d": ["x", "y"]}]}
    assert {report.lines["a",], report.lines["b", 0, "c"], report.lines["b", 0, "d", 1]} == {1, 3, 4}


def test_duplicate_key_names_both_lines(tmp_path: Path) -> None:
    message = _message(tmp_path, b"a:\n  b: 1\n  c: 2\n  b: 3\n")
    assert "contract.yaml:4: a.b: the key is given twice (first in line 2)" in message


def test_every_duplicate_is_reported(tmp_path: Path) -> None:
    assert _message(tmp_path, b"a: 1\nb: 1\na: 2\nb: 2\n").count("given twice") == 2


def test_alias_bomb_is_refused_before_it_expands(tmp_path: Path) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "anchors and aliases are not allowed" in _message(tmp_path, "\n".join(levels).encode())


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"a: [1, 2", "not YAML"),
        (b"a: 1\n---\nb: 2\n", "more than one YAML document"),
        (b"a: !!python/object/apply:os.getcwd []\n", "explicit tag"),
        (b"? [a, b]\n: 1\n", "a key must be plain text"),
        ("a: 中".encode("gb18030"), "not UTF-8"),
        (b"a: \x00", "not YAML"),
        (b"[" * 100_000, "nested too deeply"),
        (b"#" * (MAX_BYTES + 1), "larger than 1000000 bytes"),
        (b"a: 2026-13-45\n", "not YAML"),
    ],
)
def test_refused_texts(tmp_path: Path, data: bytes, expected: str) -> None:
    assert expected in _message(tmp_path, data)


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(path)[0] == {"a": 1}


def test_missing_file_is_a_contract_problem(tmp_path: Path) -> None:
    with pytest.raises(InvalidContract, match="cannot be read: No such file"):
        read_yaml(tmp_path / "none.yaml")


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    path = tmp_path / "contract.yaml"
    path.write_text("a: 0.10000000000000000555\nb: -0.5\nc: 12345678901234567890123\nd: 1.5e+3\ne: '010'\nf: +7\n")
    data, _ = read_yaml(path)
    assert data == {
        "a": Decimal("0.10000000000000000555"), "b": Decimal("-0.5"), "c": 12345678901234567890123,
        "d": Decimal(1500), "e": "010", "f": 7,
    }  # fmt: skip


@pytest.mark.parametrize(
    "number", ["010", "1_000", "0x1F", "0b11", "12:30", "1_0.5", ".inf", ".nan", "12:30.5", "-0o7"]
)
def test_what_yaml_would_read_as_another_number_is_refused(tmp_path: Path, number: str) -> None:
    """010 is 8 to YAML 1.1, and 12:30 is 750."""
    path = tmp_path / "contract.yaml"
    path.write_text(f"a:\n  missing: [{number}]\n")
    if number == "-0o7":  # text to YAML 1.1
        assert read_yaml(path)[0] == {"a": {"missing": ["-0o7"]}}
    else:
        assert f"contract.yaml:2: not YAML: {number} is no plain number" in _message(tmp_path, path.read_bytes())
