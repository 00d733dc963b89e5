"""The policies of a bucket's readers follow from the declarations and the store's address."""

from __future__ import annotations

import json
import socket
import threading
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from infra.compose import store_accounts
from infra.compose.store_accounts import POLICIES, is_minio, policies, policy_of, restricted_products

MODELS = """models:
- name: fct_stay
  config: {group: visits, meta: {citylake: {edition: restricted}}}
- name: mart_visit
  config: {group: visits, meta: {citylake: {day_column: visit_date}}}
- name: fct_weather
  config: {group: weather}
"""


def test_products_with_a_restricted_model_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "marts" / "visits"
    folder.mkdir(parents=True)
    (folder / "_visits__models.yml").write_text(MODELS, encoding="utf-8")
    (folder.parent / "_groups.yml").write_text("groups: []\n", encoding="utf-8")
    assert restricted_products(tmp_path) == ["visits"]


def test_there_is_one_for_each_reader_and_for_the_lakes_account() -> None:
    found = policies("s3://lake", ["a", "b"])
    assert list(found) == [
        "citylake-reader-internal", "citylake-reader-open", "citylake-reader-restricted-a",
        "citylake-reader-restricted-b", "citylake-writer",
    ]  # fmt: skip
    assert policy_of("restricted/a") in found
    assert policy_of("open") in found
    text = json.dumps(found)
    assert not [word for word in ("BUCKET", "ROOT", "PRODUCT") if word in text]
    assert len(list(POLICIES.glob("*.json"))) == 4


@pytest.mark.parametrize(
    ("store", "root"), [("s3://lake", ""), ("s3://lake/", ""), ("s3://lake/city/one", "city/one/")]
)
def test_a_reader_is_allowed_the_own_folder_and_no_other(store: str, root: str) -> None:
    keys = ["published/internal/current.json", "published/restricted/a/current.json", "published/open/current.json",
            "published/restricted/ab/current.json", "raw/x", "actions/x", "editions/internal/x"]  # fmt: skip
    wanted = {"internal": keys[0], "restricted/a": keys[1], "open": keys[2]}
    found = policies(store, ["a"])
    for edition, own in wanted.items():
        statements = found[policy_of(edition)]["Statement"]
        assert {one["Effect"] for one in statements} == {"Allow"}
        assert {action for one in statements for action in one["Action"]} == {
            "s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation",
        }  # fmt: skip
        (objects,) = (one["Resource"] for one in statements if one["Sid"] == "Read")
        allowed = [key for key in keys if any(fnmatchcase(f"arn:aws:s3:::lake/{root}{key}", one) for one in objects)]
        assert allowed == [own]
        (listed,) = (one["Condition"]["StringLike"]["s3:prefix"] for one in statements if one["Sid"] == "List")
        assert listed == [f"{root}{own.removesuffix('current.json')}*"]


@pytest.mark.parametrize("answer", [b"", b"no HTTP\r\n\r\n", b"HTTP/1.1 404 Not Found\r\n\r\n"])
def test_a_store_that_answers_in_another_way_is_no_minio(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def once() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=once)
        thread.start()
        assert not is_minio(f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join()


def test_one_that_does_not_answer_or_is_no_address_is_no_minio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_accounts, "_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert not is_minio(f"http://127.0.0.1:{server.getsockname()[1]}")
    assert not is_minio("")
    assert not is_minio("http://127.0.0.1:port")
