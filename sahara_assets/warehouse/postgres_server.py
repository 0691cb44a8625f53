"""A Postgres server's address, a connection to it, and its errors in plain words; no word of a password in any of them."""

from __future__ import annotations

import os
import re
import socket
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

from sahara_assets.errors import OutdatedTablesError, TryAgainError, WarehouseError
from sahara_assets.warehouse.base import Finding, missing, note, ok

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DEFAULT_SCHEMA = "sahara"

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_GONE = ("08", "57P01", "57P02", "57P03", "57P05")
"""The connection failed, or the server is shutting down, crashed or starting."""
_WAS_SECOND = ("40001", "40P01", "55P03")
"""Serialization failure, deadlock, lock not available."""
_NOT_THERE = ("42P01", "42703", "3F000")
"""Undefined table, undefined column, invalid schema."""
_REMEDIES = {
    "42501": "grant it, or use a role that may",
    "53100": "the server's disk is full: make room and run again",
    "53300": "the server has no connection left: close some, or raise max_connections",
    "28P01": "give the password through PGPASSWORD, ~/.pgpass or SAHARA_WAREHOUSE_URL",
    "28000": "check the role, the database and pg_hba.conf",
    "3D000": "create the database, or name another in warehouse.url",
}


@dataclass(frozen=True)
class Address:
    """Where a warehouse is on a server.

    Attributes:
        dsn: the URL as libpq takes it, perhaps with a password: never shown.
        schema: the one schema that is used.
        description: for people, without secrets.
    """

    dsn: str
    schema: str
    description: str

    @classmethod
    def of(cls, url: str) -> Address:
        """The address that a `postgresql://` URL names; our own `schema` parameter is taken out of it."""
        parts = urlsplit(url)
        options = parse_qsl(parts.query, keep_blank_values=True)
        schema = dict(options).get("schema") or DEFAULT_SCHEMA
        rest = urlencode([(name, value) for name, value in options if name != "schema"], quote_via=quote)
        dsn = urlunsplit(("postgresql", parts.netloc, parts.path, rest, ""))
        where = parts.netloc.rpartition("@")[2] or "localhost"
        database = unquote(parts.path.strip("/")) or "the default database"
        return cls(dsn, schema, f"Postgres {database} at {where}, schema {schema}")

    def __repr__(self) -> str:
        return f"Address({self.description})"


def connect(address: Address, *, read_only: bool) -> Any:  # noqa: ANN401 - psycopg2 has no types
    """A session in UTC that sees one schema and nothing else.

    Raises:
        WarehouseError: the server cannot be reached or refuses; `TryAgainError` where it may be there again soon.
    """
    import psycopg2

    with told(address, None):
        connection = psycopg2.connect(
            address.dsn,
            connect_timeout=10,
            fallback_application_name=f"sahara on {socket.gethostname()}, process {os.getpid()}",
            # A server that vanished without a word is noticed within a minute, not after hours.
            keepalives_idle=20,
            keepalives_interval=10,
            keepalives_count=4,
        )
    connection.autocommit = True
    with told(address, connection), connection.cursor() as cursor:
        cursor.execute("SET TIME ZONE 'UTC'")
        cursor.execute("SET DateStyle = 'ISO'")
        cursor.execute("SET standard_conforming_strings = on")
        # Floats with every digit they have, whatever the server's default.
        cursor.execute("SET extra_float_digits = 1")
        cursor.execute("SELECT set_config('search_path', quote_ident(%s), false)", [address.schema])
        # Few and large statements: what a server is set up for by default is many small ones.
        cursor.execute("SET jit = off")
        cursor.execute("SET work_mem = '64MB'")
        # A run that was killed lets go of the schema while its last statement would still be at work (from Postgres 14 on, not on Windows).
        with suppress(psycopg2.DataError, psycopg2.ProgrammingError):
            cursor.execute("SET client_connection_check_interval = '2s'")
        if read_only:
            cursor.execute("SET default_transaction_read_only = on")
    return connection


@contextmanager
def told(address: Address, connection: Any) -> Iterator[None]:  # noqa: ANN401 - psycopg2 has no types
    """Turn the server's errors into ours.

    Raises:
        TryAgainError: the connection is gone, or another writer was first.
        OutdatedTablesError: a table or column is not there.
        WarehouseError: anything else, with the server's words and a remedy where there is one.
    """
    import psycopg2

    try:
        yield
    except psycopg2.Error as error:
        code = error.pgcode or ""
        where = address.description
        words = _without_secrets(_words(error), address)
        is_gone = connection is not None and bool(connection.closed)
        if is_gone or code.startswith(_GONE) or (connection is None and not _is_refusal(words)):
            raise TryAgainError(
                f"{where}: cannot be reached ({words}); is the server up, and is the address right?"
            ) from None
        if code in _WAS_SECOND:
            raise TryAgainError(f"{where}: another writer was first ({words}); run again") from None
        if code in _NOT_THERE:
            raise OutdatedTablesError(where) from None
        remedy = _REMEDIES.get(code) or next((r for c, r in _REMEDIES.items() if _SIGNS[c].search(words)), None)
        raise WarehouseError(f"{where}: {words}{f'; {remedy}' if remedy else ''}") from None


# A connection that is refused comes without a code.
_SIGNS = {
    code: re.compile(sign)
    for code, sign in {
        "42501": "permission denied",
        "53100": "No space left on device",
        "53300": "too many clients|remaining connection slots",
        "28P01": "password authentication failed|no password supplied",
        "28000": "role .* does not exist|no pg_hba.conf entry|role .* is not permitted",
        "3D000": "database .* does not exist",
    }.items()
}


def _is_refusal(words: str) -> bool:
    """Whether a server that answered will say no again."""
    return any(sign.search(words) for sign in _SIGNS.values()) or "SSL" in words or "certificate" in words


def _words(error: Exception) -> str:
    """The server's own words, on one line."""
    primary = getattr(getattr(error, "diag", None), "message_primary", None)
    return " ".join(str(primary or error).split())


def _without_secrets(words: str, address: Address) -> str:
    parts = urlsplit(address.dsn)
    secrets = {parts.password or "", *(value for name, value in parse_qsl(parts.query) if "password" in name)}
    for secret in sorted(secrets | {unquote(secret) for secret in secrets}, key=len, reverse=True):
        words = words.replace(secret, "***") if secret else words
    return words


OLDEST_SERVER = 140_000
"""Postgres 14: the first whose BRIN indexes know bloom filters."""


def examine_server(fetch: Callable[..., list[tuple[Any, ...]]], address: Address) -> list[Finding]:
    """What a server is and what the session's role may do there.

    Args:
        fetch: runs a statement with its values and gives the rows.
        address: where.
    """
    version, number, encoding, role, encrypted = fetch(
        """
        SELECT current_setting('server_version'), current_setting('server_version_num')::int, current_setting('server_encoding'),
            current_user, coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)
        """
    )[0]
    findings = [ok(f"Postgres {version}, as role {role}, {'encrypted' if encrypted else 'not encrypted'}")]
    if number < OLDEST_SERVER:
        findings.append(missing("the server is older than Postgres 14; use a newer one"))
    if encoding != "UTF8":
        findings.append(missing(f"the database is encoded in {encoding}; create one with ENCODING 'UTF8'"))
    host = urlsplit(address.dsn).hostname or ""
    if not encrypted and host not in {"", "localhost", "127.0.0.1", "::1"}:
        findings.append(note("the connection is not encrypted; add sslmode=verify-full to the URL"))
    findings.extend(_privileges(fetch, address.schema, role))
    left = fetch(
        "SELECT current_setting('max_connections')::int - count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    )[0][0]
    findings.append(ok(f"{left} connections left") if left > 1 else missing("no connection left for a run; close some"))
    return findings


def _privileges(fetch: Callable[..., list[tuple[Any, ...]]], schema: str, role: str) -> list[Finding]:
    found = fetch(
        "SELECT has_schema_privilege(oid, 'USAGE') AND has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = %s",
        [schema],
    )
    if not found:
        absent = f"schema {schema} is not there yet"
        if fetch("SELECT has_database_privilege(current_database(), 'CREATE')")[0][0]:
            return [note(f"{absent}; `sahara run` makes it")]
        return [missing(f"{absent}, and role {role} may not make it: CREATE SCHEMA {schema} AUTHORIZATION {role}")]
    if not found[0][0]:
        return [missing(f"role {role} may not use schema {schema}: GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}")]
    foreign = fetch(
        """
        SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relkind = 'r' AND NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1
        """,
        [schema],
    )
    if foreign:
        names = ", ".join(name for (name,) in foreign[:5])
        return [missing(f"tables of another role: {names}; ALTER TABLE … OWNER TO {role}, or use that role")]
    return [ok(f"role {role} may read and write in schema {schema}")]
