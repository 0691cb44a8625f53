"""What only a server can do: wait, refuse, go away and come back; and what must never be said of it."""

import os
import subprocess
import sys
import threading

import psycopg2
import pytest

from sahara_assets.errors import OutdatedTablesError, TryAgainError, WarehouseError
from sahara_assets.tables.books import STEP_COUNTS
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.tables.sales import ORDERS
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets.warehouse.postgres import PostgresWarehouse
from sahara_assets.warehouse.postgres_server import Address
from sahara_assets_tests.postgres_server import ENCODED_PASSWORD, PASSWORD, PostgresServer, binaries


@pytest.fixture
def server(postgres_servers):
    """The running server, for tests that leave it running."""
    return postgres_servers(next(iter(binaries())))


@pytest.fixture
def warehouse(server, schema):
    opened = PostgresWarehouse(server.url(schema))
    opened.prepare()
    yield opened
    opened.close()


def step(position=1, count=1):
    return {"table_name": "orders", "position": position, "reason": "in", "row_count": count}


def asked(server, statement):
    with psycopg2.connect(server.url("public").partition("?")[0]) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


# --- addresses and secrets -------------------------------------------------------------------------------------------------------


def test_an_address_says_where_and_nothing_else():
    address = Address.of("postgres://me:s3cret@db.example:5433/shop%20one?sslmode=require&schema=night")
    assert address.dsn == "postgresql://me:s3cret@db.example:5433/shop%20one?sslmode=require"
    assert address.schema == "night"
    assert str(address) == "Address(Postgres shop one at db.example:5433, schema night)"


def test_the_schema_is_called_sahara_where_none_is_named():
    assert Address.of("postgresql://db/shop").schema == "sahara"
    assert Address.of("postgresql:///shop").description == "Postgres shop at localhost, schema sahara"


@pytest.mark.parametrize("give", ["environment", "file"])
def test_the_password_comes_the_ways_of_libpq(server, schema, give, tmp_path, monkeypatch):
    url = server.url(schema).replace(f":{ENCODED_PASSWORD}@", "@")
    if give == "environment":
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
    else:
        (tmp_path / "pgpass").write_text(f"127.0.0.1:*:*:sahara:{PASSWORD}\n", encoding="utf-8")
        (tmp_path / "pgpass").chmod(0o600)
        monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pgpass"))
    PostgresWarehouse(url).close()


def shows_no_secret(words):
    assert "s3cret" not in words
    assert PASSWORD not in words
    assert ENCODED_PASSWORD not in words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "s3cret"}, "password authentication failed.*give the password through PGPASSWORD"),
        ({"user": "nobody_here", "password": "s3cret"}, "password authentication failed"),
    ],
)
def test_a_refusal_names_the_remedy_and_no_secret(server, schema, change, words):
    with pytest.raises(WarehouseError, match=words) as caught:
        PostgresWarehouse(server.url(schema, **change))
    shows_no_secret(str(caught.value))
    assert not isinstance(caught.value, TryAgainError)


def test_a_database_that_is_not_there_is_named(server, schema):
    with pytest.raises(WarehouseError, match=r'database "absent" does not exist; create the database'):
        PostgresWarehouse(server.url(schema).replace("/postgres?", "/absent?"))


def test_a_server_that_is_not_there_may_be_tried_again(schema):
    with pytest.raises(TryAgainError, match=r"cannot be reached.*is the server up") as caught:
        PostgresWarehouse(f"postgresql://sahara:s3cret@127.0.0.1:9/postgres?schema={schema}")
    shows_no_secret(str(caught.value))


def test_an_ssl_that_the_server_does_not_speak_is_told_at_once(server, schema):
    with pytest.raises(WarehouseError, match="SSL") as caught:
        PostgresWarehouse(server.url(schema) + "&sslmode=require")
    assert not isinstance(caught.value, TryAgainError)


# --- one schema, as declared -----------------------------------------------------------------------------------------------------


def test_everything_lies_in_one_schema_with_its_descriptions(server, warehouse, schema):
    found = asked(server, f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}'")
    assert {name for (name,) in found} == {table.name for table in ALL_TABLES}
    (told,) = asked(server, f"SELECT obj_description('{schema}.orders'::regclass)")
    assert told == (ORDERS.description,)
    (told,) = asked(server, f"SELECT col_description('{schema}.orders'::regclass, 1)")
    assert told == (ORDERS.columns[0].description,)
    assert asked(server, "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'") == [(0,)]


def test_keys_are_constraints_and_raw_tables_are_found_by_drop(server, warehouse, schema):
    keys = asked(
        server,
        f"""
        SELECT t.relname, array_agg(a.attname::text ORDER BY k.place)
        FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid, unnest(c.conkey) WITH ORDINALITY k(number, place), pg_attribute a
        WHERE c.contype = 'p' AND a.attrelid = t.oid AND a.attnum = k.number AND c.connamespace = '{schema}'::regnamespace
        GROUP BY t.relname
        """,
    )
    raw = {table.name for table in RAW_TABLES.values()}
    assert {name: tuple(columns) for name, columns in keys} == {t.name: t.key for t in ALL_TABLES if t.name not in raw}
    indexed = asked(
        server, f"SELECT tablename FROM pg_indexes WHERE schemaname = '{schema}' AND indexdef LIKE '%brin%'"
    )
    assert {name for (name,) in indexed} == raw


def test_a_key_that_repeats_is_refused(warehouse):
    with pytest.raises(WarehouseError, match="duplicate key"):
        warehouse.insert(STEP_COUNTS, [step(), step()])
    assert warehouse.count(STEP_COUNTS) == 0


def test_a_role_that_owns_its_schema_needs_nothing_else(server, schema):
    server.execute(
        f"CREATE ROLE {schema} LOGIN PASSWORD 'own'", f"CREATE SCHEMA {schema} AUTHORIZATION {schema}",
        "REVOKE CREATE ON DATABASE postgres FROM PUBLIC",
    )  # fmt: skip
    opened = PostgresWarehouse(server.url(schema, user=schema, password="own"))
    opened.prepare()
    opened.insert(STEP_COUNTS, [step()])
    opened.close()


def test_a_role_that_may_not_is_told_so(server, schema):
    server.execute(f"CREATE ROLE {schema} LOGIN PASSWORD 'none'", "REVOKE CREATE ON DATABASE postgres FROM PUBLIC")
    opened = PostgresWarehouse(server.url(schema, user=schema, password="none"))
    with pytest.raises(WarehouseError, match="permission denied for database postgres; grant it"):
        opened.prepare()
    opened.close()


def test_views_and_grants_of_other_people_survive_a_rebuild(server, warehouse, schema):
    server.execute(f"CREATE VIEW public.v_{schema} AS SELECT position FROM {schema}.step_counts")
    warehouse.replace(STEP_COUNTS, [step(7)])
    assert asked(server, f"SELECT * FROM public.v_{schema}") == [(7,)]
    server.execute(f"DROP VIEW public.v_{schema}")


def test_people_who_read_a_table_neither_wait_for_a_rebuild_nor_stop_it(server, warehouse, schema):
    warehouse.replace(STEP_COUNTS, [step(1)])
    with psycopg2.connect(server.url("public").partition("?")[0]) as reader, reader.cursor() as cursor:
        cursor.execute("SET lock_timeout = '5s'")
        cursor.execute(f"SELECT position FROM {schema}.step_counts")
        assert cursor.fetchall() == [(1,)]
        with warehouse.transaction():
            warehouse.replace(STEP_COUNTS, [step(2)])
            cursor.execute(f"SELECT position FROM {schema}.step_counts")
            assert cursor.fetchall() == [(1,)]
        cursor.execute(f"SELECT position FROM {schema}.step_counts")
        assert cursor.fetchall() == [(2,)]


# --- two at once -----------------------------------------------------------------------------------------------------------------


def test_of_two_writers_the_second_waits_and_is_told_who_is_first(server, warehouse, schema):
    with pytest.raises(
        WarehouseError, match=rf"another run holds it \(sahara on .*, process {os.getpid()} from 127\.0\.0\.1 since 2"
    ):
        PostgresWarehouse(server.url(schema), wait_seconds=0.1)
    threading.Timer(0.3, warehouse.close).start()
    PostgresWarehouse(server.url(schema), wait_seconds=30).close()


def test_readers_and_other_schemas_do_not_wait(server, warehouse, schema):
    warehouse.insert(STEP_COUNTS, [step()])
    looking = PostgresWarehouse(server.url(schema), read_only=True, wait_seconds=0)
    assert looking.rows(STEP_COUNTS) == [step()]
    looking.close()
    PostgresWarehouse(server.url(f"{schema}_b"), wait_seconds=0).close()


@pytest.mark.parametrize("work", ["sys.stdin.read()", "w._execute('SELECT pg_sleep(300)')"], ids=["idle", "at work"])
def test_a_writer_that_was_killed_holds_nothing(server, schema, work):
    script = (
        "import sys\nfrom sahara_assets.warehouse.postgres import PostgresWarehouse\n"
        f"w = PostgresWarehouse(sys.argv[1])\nprint('held', flush=True)\n{work}"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", script, server.url(schema)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.communicate()
    PostgresWarehouse(server.url(schema), wait_seconds=30).close()


# --- a server that goes away -------------------------------------------------------------------------------------------------------


@pytest.fixture
def mortal():
    """A server that the test may kill."""
    server = PostgresServer(binaries()[next(iter(binaries()))])
    yield server
    server.stop()


def test_work_whose_server_is_killed_in_the_middle_is_done_again_and_counts_once(mortal, schema, monkeypatch):
    monkeypatch.setattr("sahara_assets.warehouse.base._PAUSES_SECONDS", (0.1,) * 100)
    warehouse = PostgresWarehouse(mortal.url(schema))
    warehouse.prepare()
    tries = []

    def work():
        warehouse.insert(STEP_COUNTS, [step(1)])
        tries.append(1)
        if len(tries) == 1:
            mortal.kill()
            threading.Timer(0.5, mortal.start).start()
        warehouse.insert(STEP_COUNTS, [step(2)])

    warehouse.in_transaction(work)
    assert [row["position"] for row in warehouse.rows(STEP_COUNTS)] == [1, 2]
    assert len(tries) == 2
    with pytest.raises(WarehouseError, match="another run holds it"):
        PostgresWarehouse(mortal.url(schema), wait_seconds=0.1)
    warehouse.close()


def test_a_server_that_stays_away_is_given_up_with_its_address(mortal, schema, monkeypatch):
    monkeypatch.setattr("sahara_assets.warehouse.base._PAUSES_SECONDS", (0.01, 0.01))
    warehouse = PostgresWarehouse(mortal.url(schema))
    warehouse.prepare()
    mortal.kill()
    with pytest.raises(
        TryAgainError, match=rf"Postgres postgres at 127\.0\.0\.1:{mortal.port}, schema {schema}: cannot be reached"
    ) as caught:
        warehouse.in_transaction(lambda: warehouse.insert(STEP_COUNTS, [step()]))
    shows_no_secret(str(caught.value))
    warehouse.close()


def test_rows_that_the_reader_fails_to_give_leave_nothing(warehouse):
    with pytest.raises(Exception, match=r"(?i)could not convert|conversion"), warehouse.transaction():
        warehouse.append(
            STEP_COUNTS,
            "SELECT 'a' AS table_name, i AS position, 'in' AS reason, CAST(x AS BIGINT) AS row_count FROM (SELECT i, if(i = 99999, 'x', '1') AS x FROM range(100000) t(i))",
        )
    assert warehouse.count(STEP_COUNTS) == 0


def test_a_read_only_session_may_look_and_nothing_else(server, warehouse, schema):
    looking = PostgresWarehouse(server.url(schema), read_only=True)
    with pytest.raises(WarehouseError, match="read-only"):
        looking.delete(STEP_COUNTS, {"position": [1]})
    looking.close()
    empty = PostgresWarehouse(server.url(f"{schema}_absent"), read_only=True)
    with pytest.raises(OutdatedTablesError):
        empty.rows(STEP_COUNTS)
    empty.close()
