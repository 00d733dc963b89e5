"""Airflow's role owns its database and nothing else; a server where it was the administrator is brought there."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from pydantic import SecretStr

from infra.stack.postgres import Postgres
from infra.stack.postgres_roles import ADMINISTRATOR, LOCKS, OWNER, ensure_locks
from infra.stack.processes import start, stop, wait_until
from infra.stack.secrets import StackSecrets, stack_secrets
from tests.support.ports import free_port

LOCKS_PASSWORD = SecretStr("of the locks")
EARLIER = """
create type state as enum ('queued', 'done');
create domain percentage as numeric check (value between 0 and 100);
create table run (id serial primary key, state state, share percentage);
create table "Odd Name" (id bigint generated always as identity, run_id int references run);
create sequence loose;
create view ended as select * from run where state = 'done';
create materialized view counted as select count(*) from run;
create function twice(n int) returns int language sql as 'select 2 * n';
create schema more;
create table more.log (line text);
insert into run (state, share) values ('done', 50);
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server as an earlier version left it: one role, the administrator, with the password Airflow had."""
    folder = tmp_path_factory.mktemp("roles")
    secrets = stack_secrets(folder / "stack.json")
    earlier = secrets.model_copy(update={"postgres_admin": secrets.postgres})
    made = Postgres(folder / "postgres", free_port(), earlier)
    made.prepare()
    running = start(made.service(), folder / "postgres.log")
    try:
        wait_until(made.answers, running, folder / "postgres.log", seconds=60)
        run(made, ADMINISTRATOR, secrets.postgres, "create database airflow", "postgres")
        run(made, ADMINISTRATOR, secrets.postgres, EARLIER)
        now = Postgres(made.root, made.port, secrets)
        assert now.answers()
        assert [now.ensure_roles(), now.ensure_roles()] == [True, False]
        for _ in range(2):
            ensure_locks(now._server, LOCKS_PASSWORD.get_secret_value())
        yield now
    finally:
        stop([running], first=signal.SIGINT)
        shutil.rmtree(made.data.parent, ignore_errors=True)


def run(server: Postgres, role: str, password: Any, statement: str, database: str = "airflow") -> list[tuple[Any, ...]]:
    message = {"host": "127.0.0.1", "port": server.port, "user": role, "password": password.get_secret_value()}
    with closing(psycopg2.connect(**message, dbname=database, connect_timeout=5)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


def as_airflow(server: Postgres, statement: str, database: str = "airflow") -> list[tuple[Any, ...]]:
    return run(server, OWNER, server.secrets.postgres, statement, database)


def test_the_role_has_no_right_beyond_its_database(server: Postgres) -> None:
    rights = "rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolcanlogin"
    assert as_airflow(server, f"select {rights} from pg_roles where rolname = current_user") == [
        (False, False, False, False, False, True)
    ]
    assert as_airflow(server, "select pg_get_userbyid(datdba) from pg_database where datname = 'airflow'") == [(OWNER,)]
    member = "select count(*) from pg_auth_members where member = (select oid from pg_roles where rolname = %s)"
    assert as_airflow(server, member.replace("%s", f"'{OWNER}'")) == [(0,)]


@pytest.mark.parametrize(
    "statement",
    ["select pg_read_file('PG_VERSION')", "select pg_ls_dir('.')", "select pg_read_binary_file('PG_VERSION')",
     "copy run to '/tmp/x'", "copy run to program 'cat'", "create temp table t (x text); copy t from '/etc/passwd'",
     "select lo_import('/etc/passwd')", "create role another", "create database another",
     "alter role airflow superuser", "alter role citylake password 'x'", "set role citylake",
     "select rolpassword from pg_authid", "alter system set log_statement = 'all'",
     "drop database postgres"],
)  # fmt: skip
def test_what_only_an_administrator_may_do_is_refused(server: Postgres, statement: str) -> None:
    with pytest.raises((psycopg2.errors.InsufficientPrivilege, psycopg2.errors.ObjectNotInPrerequisiteState)):
        as_airflow(server, statement)


@pytest.mark.parametrize("database", ["postgres", "template1"])
def test_no_other_database_lets_it_in(server: Postgres, database: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        as_airflow(server, "select 1", database)


def test_the_administrators_password_is_its_own_and_no_longer_airflows(server: Postgres) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        run(server, ADMINISTRATOR, server.secrets.postgres, "select 1")
    assert run(server, ADMINISTRATOR, server.secrets.postgres_admin, "select 1") == [(1,)]
    assert server.secrets.postgres_admin.get_secret_value() not in server.url()


def test_what_was_there_is_airflows_to_use_change_and_drop(server: Postgres) -> None:
    foreign = """select relname from pg_class inner join pg_namespace as n on n.oid = relnamespace
        where nspname in ('public', 'more') and pg_get_userbyid(relowner) <> 'airflow' union all
        select proname from pg_proc inner join pg_namespace as n on n.oid = pronamespace
        where nspname in ('public', 'more') and pg_get_userbyid(proowner) <> 'airflow' union all
        select typname from pg_type inner join pg_namespace as n on n.oid = typnamespace
        where nspname in ('public', 'more') and pg_get_userbyid(typowner) <> 'airflow'"""
    assert as_airflow(server, foreign) == []
    assert as_airflow(server, "select state, share from ended") == [("done", 50)]
    as_airflow(
        server,
        """alter table run add column note text; alter type state add value 'failed'; create table fresh (id serial);
        alter table "Odd Name" rename to odd; refresh materialized view counted; create schema own;
        drop function twice(int); alter sequence loose restart; insert into run (state) values ('queued')""",
    )
    assert as_airflow(server, "select count(*) from run") == [(2,)]


def as_locks(server: Postgres, statement: str, database: str = LOCKS) -> list[tuple[Any, ...]]:
    return run(server, LOCKS, LOCKS_PASSWORD, statement, database)


def test_the_locks_role_takes_locks_and_may_do_nothing_else(server: Postgres) -> None:
    assert as_locks(server, "select pg_try_advisory_lock(1)") == [(True,)]
    owned = "select pg_get_userbyid(datdba) from pg_database where datname = current_database()"
    assert as_locks(server, owned) == [(ADMINISTRATOR,)]
    for refused in (
        "create table public.t (n int)", "create temp table t (n int)", "create schema own", "create role another",
        "create database another", "select pg_read_file('PG_VERSION')", "set role citylake",
        "alter system set log_statement = 'all'", "select rolpassword from pg_authid",
    ):  # fmt: skip
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            assert as_locks(server, refused) == "refused"


@pytest.mark.parametrize("database", ["airflow", "postgres", "template1"])
def test_no_other_database_lets_the_locks_role_in_and_airflows_not_into_its(server: Postgres, database: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        as_locks(server, "select 1", database)
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        as_airflow(server, "select 1", LOCKS)


def test_secrets_of_an_earlier_version_get_the_missing_password(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "stack.json"
    made = stack_secrets(path)
    text = {name: value for name, value in made.model_dump(mode="python").items() if name != "postgres_admin"}
    shown = {k: {a: s.get_secret_value() for a, s in v.items()} if k == "accounts" else v.get_secret_value()
             for k, v in text.items()}  # fmt: skip
    path.write_text(json.dumps(shown), encoding="utf-8")
    again = stack_secrets(path)
    assert isinstance(again, StackSecrets)
    assert (again.postgres, again.accounts) == (made.postgres, made.accounts)
    assert again.postgres_admin not in (made.postgres_admin, made.postgres)
    assert stack_secrets(path) == again
    assert path.stat().st_mode & 0o777 == 0o600
