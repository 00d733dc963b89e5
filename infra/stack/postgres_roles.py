"""Roles of the database server: an administrator, and one that owns Airflow's database and nothing else.

Airflow, and whoever gets its password, is no superuser: it reads no file of the server, makes no role and connects to
no other database. The administrator (the account `initdb` made; PostgreSQL lets nobody take that right from it) has a
password of its own, which no service is given. It owns bringing a server to this state, from whatever an earlier
version left: there Airflow was the administrator. Safe to repeat.
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
"""Statements, but for the new owner, that give away what another role owns in the database. A table takes its own
sequences and types with it."""


@dataclass(frozen=True)
class Server:
    """Where the server is, and both passwords. An earlier version's administrator had the owner's."""

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
        """Does the administrator not have the password of its own yet? Raises OperationalError without an answer."""
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
    """Make the role and its database, give it what it must own, close the rest.

    True where Airflow was the administrator until now: what runs with that password must be started again.
    Raises OperationalError.
    """
    was_administrator = server.is_earlier()
    owner, database = sql.Identifier(OWNER), sql.Identifier(DATABASE)
    with server.administer("postgres") as cursor:
        cursor.execute("select 1 from pg_roles where rolname = %s", [OWNER])
        verb = sql.SQL("alter" if cursor.fetchone() is not None else "create")
        made = sql.SQL("{} role {} login " + _REST + " password {}")
        cursor.execute(made.format(verb, owner, sql.Literal(server.owner)))
        cursor.execute("select 1 from pg_database where datname = %s", [DATABASE])
        verb = sql.SQL("alter database {} owner to {}" if cursor.fetchone() else "create database {} owner {}")
        cursor.execute(verb.format(database, owner))
        cursor.execute("select datname from pg_database")
        for (name,) in cursor.fetchall():
            cursor.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(name)))
    with server.administer(DATABASE) as cursor:
        cursor.execute(_FOREIGN, [OWNER])
        for (statement,) in cursor.fetchall():
            cursor.execute(sql.SQL(statement + " {}").format(owner))
    with server.administer("postgres") as cursor:
        # Last: an interrupted call is repeated with the password that still holds.
        changed = sql.SQL("alter role {} password {}")
        cursor.execute(changed.format(sql.Identifier(ADMINISTRATOR), sql.Literal(server.administrator)))
    return was_administrator
