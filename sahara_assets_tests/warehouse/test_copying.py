"""`sahara warehouse copy` and `check`, through the command line, between every kind of warehouse that is to be had here."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import duckdb
import pytest

from sahara_assets.settings.document import load_settings
from sahara_assets.tables.schema import ALL_TABLES
from sahara_assets.warehouse import copying
from sahara_assets.warehouse.opening import warehouse_at
from sahara_assets_tests.commands import Outcome, sahara
from sahara_assets_tests.equal_tables import compare, tables_of
from sahara_assets_tests.postgres_server import ENCODED_PASSWORD, PASSWORD, PostgresServer, binaries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EMBEDDED = "duckdb:///sahara.duckdb"


@pytest.fixture
def server(postgres_servers: Callable[[str], PostgresServer]) -> PostgresServer:
    return postgres_servers(next(iter(binaries())))


def on(url: str, root: Path, *words: str) -> Outcome:
    return sahara(*words, cwd=root, env={"SAHARA_WAREHOUSE_URL": url})


def shows_no_secret(outcome: Outcome) -> None:
    assert PASSWORD not in outcome.out + outcome.err
    assert ENCODED_PASSWORD not in outcome.out + outcome.err


# --- copy ------------------------------------------------------------------------------------------------------------------------


def test_a_laptop_grows_into_a_server_and_back_without_reloading(
    project: Path, server: PostgresServer, schema: str
) -> None:
    url = server.url(schema)
    copied = on(EMBEDDED, project, "warehouse", "copy", "--to", url, "--json")
    assert copied.code == 0, copied.err
    shows_no_secret(copied)
    before = tables_of(project / "sahara.toml", EMBEDDED)
    assert {t["name"]: t["row_count"] for t in json.loads(copied.out)} == {n: len(rows) for n, rows in before.items()}
    compare(before, tables_of(project / "sahara.toml", url))
    # The server goes on from there: nothing new, nothing trained.
    after = json.loads(on(url, project, "run", "--json").out)
    assert after["loaded"]["rows_read"] == 0
    assert after["model"]["version"] == 1
    back = on(url, project, "warehouse", "copy", "--to", "duckdb:///back.duckdb")
    assert back.code == 0, back.err
    shows_no_secret(back)
    compare(tables_of(project / "sahara.toml", url), tables_of(project / "sahara.toml", "duckdb:///back.duckdb"))


def test_what_is_there_already_is_not_replaced_unasked(project: Path) -> None:
    shutil.copy(project / "sahara.duckdb", project / "other.duckdb")
    refused = on(EMBEDDED, project, "warehouse", "copy", "--to", "duckdb:///other.duckdb")
    assert refused.code == 2
    assert "other.duckdb: holds rows already (raw_purchases; " in refused.err
    assert "--replace replaces them" in refused.err
    assert on(EMBEDDED, project, "warehouse", "copy", "--to", "duckdb:///other.duckdb", "--replace").code == 0
    compare(tables_of(project / "sahara.toml", EMBEDDED), tables_of(project / "sahara.toml", "duckdb:///other.duckdb"))


def test_a_copy_onto_itself_is_refused(project: Path) -> None:
    refused = on(EMBEDDED, project, "warehouse", "copy", "--to", EMBEDDED)
    assert refused.code == 2
    assert "--to names the warehouse that the project uses already" in refused.err


@pytest.mark.parametrize("change", ["a row less", "another value"])
def test_a_copy_that_differs_is_not_kept(
    project: Path, server: PostgresServer, schema: str, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = replace_url(project, server.url(schema))
    add = copying._Sum.add

    def spoil(self: copying._Sum, batch: object) -> None:
        add(self, batch)
        if change == "a row less":
            self.rows += 1
        else:
            self.checksum += 1

    with closing(warehouse_at(there)) as target:
        target.prepare()
    monkeypatch.setattr(copying, "_sum_of", lambda table, batches: spoiled(table, batches, spoil))
    refused = on(EMBEDDED, project, "warehouse", "copy", "--to", server.url(schema))
    assert refused.code == 2
    assert "or other values; nothing was kept there" in refused.err
    with closing(warehouse_at(there, read_only=True)) as target:
        assert [table.name for table in ALL_TABLES if target.count(table)] == []


def spoiled(table, batches, spoil):
    found = copying._Sum(table)
    for batch in batches:
        spoil(found, batch)
    return found


def replace_url(project: Path, url: str):
    return load_settings(project / "sahara.toml", {"SAHARA_WAREHOUSE_URL": url})


# --- check -----------------------------------------------------------------------------------------------------------------------


def test_a_good_warehouse_says_what_it_is_and_holds(project: Path) -> None:
    found = on(EMBEDDED, project, "warehouse", "check")
    assert found.code == 0
    assert "ok    DuckDB file sahara.duckdb: it answers" in found.out
    assert "GB free beside it" in found.out
    assert "raw_purchases 2," in found.out


def test_before_the_first_run_a_check_says_what_will_make_it(
    new_project: Path, server: PostgresServer, schema: str
) -> None:
    found = on(EMBEDDED, new_project, "warehouse", "check")
    assert (found.code, "there is no warehouse yet; `sahara run` makes it" in found.out) == (0, True)
    assert not (new_project / "sahara.duckdb").exists()
    found = on(server.url(schema), new_project, "warehouse", "check")
    assert found.code == 0
    assert f"note  schema {schema} is not there yet; `sahara run` makes it" in found.out
    shows_no_secret(found)


def test_a_role_that_lacks_something_is_told_the_words_that_grant_it(
    new_project: Path, server: PostgresServer, schema: str
) -> None:
    server.execute(f"CREATE ROLE {schema} LOGIN PASSWORD 'x'", "REVOKE CREATE ON DATABASE postgres FROM PUBLIC")
    url = server.url(schema, user=schema, password="x")
    found = on(url, new_project, "warehouse", "check")
    assert found.code == 2
    assert (
        f"MISS  schema {schema} is not there yet, and role {schema} may not make it: CREATE SCHEMA {schema} AUTHORIZATION {schema}"
        in found.out
    )
    server.execute(f"CREATE SCHEMA {schema}")
    found = on(url, new_project, "warehouse", "check", "--json")
    (said,) = [finding["text"] for finding in json.loads(found.out) if finding["level"] == "missing"]
    grant = said.rpartition(": ")[2]
    server.execute(grant)
    found = on(url, new_project, "warehouse", "check")
    assert (found.code, f"role {schema} may read and write in schema {schema}" in found.out) == (0, True)
    server.execute(f"CREATE TABLE {schema}.orders (x int)")
    found = on(url, new_project, "warehouse", "check")
    assert (found.code, "MISS  tables of another role: orders; ALTER TABLE … OWNER TO" in found.out) == (2, True)


def test_a_server_that_is_away_is_told_with_its_address(new_project: Path) -> None:
    found = on(f"postgresql://me:{ENCODED_PASSWORD}@127.0.0.1:9/shop", new_project, "warehouse", "check")
    assert found.code == 2
    assert "MISS  Postgres shop at 127.0.0.1:9, schema sahara: cannot be reached" in found.out
    shows_no_secret(found)


def test_columns_that_an_older_version_lacked_are_named(project: Path) -> None:
    with duckdb.connect(str(project / "sahara.duckdb")) as connection:
        connection.execute("ALTER TABLE orders DROP COLUMN has_adjustment")
        connection.execute("DROP TABLE top_categories")
    found = on(EMBEDDED, project, "warehouse", "check")
    assert (
        "note  made by an older version: top_categories; orders.has_adjustment to be added; `sahara run` adds them"
        in found.out
    )
