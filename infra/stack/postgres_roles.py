"""Roles of the database server: an administrator, one that owns Airflow's database, one that only takes locks.

Airflow's role is no superuser: it can read no file of the server, create no role and connect to no other database. The
administrator (the account that `initdb` made) has a password of its own, which no service gets. `ensure_roles` brings a
server to this state, also one of an earlier version, where Airflow was the administrator. `ensure_locks` adds the
database of the lake's locks (ingestion.locks.postgres), whose role may connect to it and nothing else.
`ensure_exchange` adds the departments' exchange database of a simulated city: one role writes it, another may only read
its tables. All are safe to repeat.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg2
from psycopg2 import sql

ADMINISTRATOR = "citylake"
OWNER = "airflow"
DATABASE = "airflow"
LOCKS = "citylake_locks"
"""Role and database of the lake's locks."""
EXCHANGE, EXCHANGE_SCHEMA = "exchange", "qzk"
"""The departments' exchange database (前置库), and the schema of its tables."""
EXCHANGE_WRITER, EXCHANGE_READER = "exchange_writer", "exchange_reader"
WRONG_PASSWORD = "password authentication failed"  # noqa: S105 - what the server says
CONNECT_SECONDS = 2

_REST = "nosuperuser nocreatedb nocreaterole noreplication nobypassrls"
_FOREIGN = """
select format('alter %%s %%s owner to', kind, name) from (
    select case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
            when 'f' then 'foreign table' else 'table' end as kind,
        oid::regclass::text as name, relowner as owner, relnamespace as schema
    from pg_class
    where relkind in ('r', 'p', 'v', 'm', 'f') or (relkind = 'S' and not exists (
        select from pg_depend where objid = pg_class.oid and classid = 'pg_class'::regclass and deptype in ('a', 'i')))
    union all
    select 'type', format_type(pg_type.oid, null), typowner, typnamespace from pg_type
    where typtype in ('e', 'd', 'r') and typelem = 0
    union all
    select 'routine', oid::regprocedure::text, proowner, pronamespace from pg_proc
    union all
    select 'schema', quote_ident(nspname), nspowner, oid from pg_namespace where nspname <> 'public'
) as found
inner join pg_namespace on pg_namespace.oid = found.schema
where nspname not in ('pg_catalog', 'information_schema') and nspname !~ '^pg_(toast|temp)' and owner <> %s::regrole
"""
"""Gives a statement for each object of the database that another role owns; append the new owner to it. Sequences and
types of a table change their owner with the table."""


@dataclass(frozen=True)
class Server:
    """Address and passwords of a server. In an earlier version the administrator had the owner's password."""

    host: str
    port: int
    administrator: str
    owner: str

    @contextmanager
    def administer(self, database: str) -> Iterator[psycopg2.extensions.cursor]:
        """A cursor of the administrator, each statement its own transaction. Raises OperationalError."""
        password = self.owner if self.is_earlier() else self.administrator
        with closing(self._connect(database, password)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                yield cursor

    def is_earlier(self) -> bool:
        """Whether the administrator still has the owner's password.

        Raises OperationalError where the server cannot be reached.
        """
        try:
            self._connect("postgres", self.administrator).close()
        except psycopg2.OperationalError as error:
            if WRONG_PASSWORD not in str(error):
                raise
            return True
        return False

    def _connect(self, database: str, password: str) -> psycopg2.extensions.connection:
        return psycopg2.connect(
            host=self.host,
            port=self.port,
            user=ADMINISTRATOR,
            password=password,
            dbname=database,
            connect_timeout=CONNECT_SECONDS,
        )


def ensure_roles(server: Server) -> bool:
    """Make Airflow's role and database, make it the owner of everything in it, and close all databases to other roles.

    True where Airflow was the administrator until now; processes that use that password must then be restarted.
    Raises OperationalError.
    """
    was_administrator = server.is_earlier()
    owner, database = sql.Identifier(OWNER), sql.Identifier(DATABASE)
    with server.administer("postgres") as cursor:
        _ensure_role(cursor, OWNER, server.owner)
        cursor.execute("select 1 from pg_database where datname = %s", [DATABASE])
        verb = sql.SQL("alter database {} owner to {}" if cursor.fetchone() else "create database {} owner {}")
        cursor.execute(verb.format(database, owner))
        _close_databases(cursor)
    with server.administer(DATABASE) as cursor:
        cursor.execute(_FOREIGN, [OWNER])
        for (statement,) in cursor.fetchall():
            cursor.execute(sql.SQL(statement + " {}").format(owner))
    with server.administer("postgres") as cursor:
        # Last, so that an interrupted call can be repeated with the administrator's earlier password.
        changed = sql.SQL("alter role {} password {}")
        cursor.execute(changed.format(sql.Identifier(ADMINISTRATOR), sql.Literal(server.administrator)))
    return was_administrator


def ensure_locks(server: Server, password: str) -> None:
    """Make the database of the locks and its role, which may connect to it and do nothing else anywhere.

    The administrator owns the database; call it after `ensure_roles`. Raises OperationalError.
    """
    locks = sql.Identifier(LOCKS)
    with server.administer("postgres") as cursor:
        _ensure_role(cursor, LOCKS, password)
        cursor.execute("select 1 from pg_database where datname = %s", [LOCKS])
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("create database {} template template0").format(locks))
        _close_databases(cursor)
        cursor.execute(sql.SQL("grant connect on database {} to {}").format(locks, locks))
    with server.administer(LOCKS) as cursor:
        cursor.execute("revoke all on schema public from public")


def ensure_exchange(server: Server, writer_password: str, reader_password: str) -> None:
    """Make the exchange database, the role that owns it and the lake's role, which may select from its tables only.

    Call it after `ensure_roles`. Raises OperationalError.
    """
    database, schema = sql.Identifier(EXCHANGE), sql.Identifier(EXCHANGE_SCHEMA)
    writer, reader = sql.Identifier(EXCHANGE_WRITER), sql.Identifier(EXCHANGE_READER)
    with server.administer("postgres") as cursor:
        _ensure_role(cursor, EXCHANGE_WRITER, writer_password)
        _ensure_role(cursor, EXCHANGE_READER, reader_password)
        cursor.execute("select 1 from pg_database where datname = %s", [EXCHANGE])
        if cursor.fetchone() is None:
            cursor.execute(sql.SQL("create database {} owner {} template template0").format(database, writer))
        _close_databases(cursor)
        cursor.execute(sql.SQL("grant connect on database {} to {}, {}").format(database, writer, reader))
    with server.administer(EXCHANGE) as cursor:
        for statement in (
            "revoke all on schema public from public",
            "create schema if not exists {schema} authorization {writer}",
            "grant usage on schema {schema} to {reader}",
            "grant select on all tables in schema {schema} to {reader}",
            # What the writer creates later is readable, too.
            "alter default privileges for role {writer} in schema {schema} grant select on tables to {reader}",
        ):
            cursor.execute(sql.SQL(statement).format(schema=schema, writer=writer, reader=reader))


def _ensure_role(cursor: psycopg2.extensions.cursor, name: str, password: str) -> None:
    """A role that may log in and has no right by itself."""
    cursor.execute("select 1 from pg_roles where rolname = %s", [name])
    verb = sql.SQL("alter" if cursor.fetchone() is not None else "create")
    role = sql.SQL("{} role {} login " + _REST + " password {}")
    cursor.execute(role.format(verb, sql.Identifier(name), sql.Literal(password)))


def _close_databases(cursor: psycopg2.extensions.cursor) -> None:
    """Let nobody into any database but whom it was granted to."""
    cursor.execute("select datname from pg_database")
    for (name,) in cursor.fetchall():
        cursor.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(name)))
