"""Repair by hand: reload one drop, rebuild from raw, verify everything; through the command line, on a project that has run."""

import json
import shutil

import duckdb
import pytest

from sahara_assets_tests.commands import sahara
from sahara_assets_tests.equal_tables import compare, tables_of

EMBEDDED = "duckdb:///sahara.duckdb"


def change(project, statement):
    with duckdb.connect(str(project / "sahara.duckdb")) as connection:
        connection.execute(statement)


def asked(project, statement):
    with duckdb.connect(str(project / "sahara.duckdb"), read_only=True) as connection:
        return connection.execute(statement).fetchall()


@pytest.fixture
def settled(project):
    """The finished project, whose copied files the ledger has met under their new times."""
    assert sahara("run", cwd=project).code == 0
    return project


def first_drop(project):
    ((path, drop_id),) = asked(
        project, "SELECT path, drop_id FROM drops WHERE dataset = 'purchases' AND rows_loaded > 1 ORDER BY path LIMIT 1"
    )
    return path, drop_id


def test_what_nobody_touched_verifies(settled):
    found = sahara("drops", "verify", cwd=settled)
    assert found.code == 0, found.out
    ((drops, rows),) = asked(
        settled, "SELECT count(DISTINCT drop_id), sum(rows_loaded) FROM drops WHERE status = 'loaded'"
    )
    assert f"{drops} drops read again and compared, {rows:,} rows; 0 differences" in found.out


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        ("UPDATE raw_purchases SET quantity = quantity + 1 WHERE _drop_id = '{drop}' AND _line = (SELECT min(_line) FROM raw_purchases WHERE _drop_id = '{drop}')", "1 row differs from what its file says"),
        ("DELETE FROM raw_purchases WHERE _drop_id = '{drop}' AND _line = (SELECT min(_line) FROM raw_purchases WHERE _drop_id = '{drop}')", "rows, the table holds"),
        ("INSERT INTO raw_purchases SELECT * REPLACE (_line + 100000 AS _line) FROM raw_purchases WHERE _drop_id = '{drop}' LIMIT 1", "rows, the table holds"),
        ("UPDATE raw_purchases SET _occurrence = 7 WHERE _drop_id = '{drop}'", "from what its file says"),
    ],
)  # fmt: skip
def test_what_was_changed_by_hand_is_found_and_a_reload_mends_it(settled, statement, text):
    before = tables_of(settled / "sahara.toml", EMBEDDED)
    path, drop = first_drop(settled)
    change(settled, statement.format(drop=drop))
    found = sahara("drops", "verify", cwd=settled)
    assert found.code == 3
    (line,) = [line for line in found.out.splitlines() if line.startswith(f"FAIL  purchases: {path}: ")]
    assert text in line
    assert line.endswith(f"sahara drops reload {path}")
    assert "will read again" in sahara("drops", "reload", path, cwd=settled).out
    assert sahara("run", cwd=settled).code == 0
    assert sahara("drops", "verify", cwd=settled).code == 0
    after = tables_of(settled / "sahara.toml", EMBEDDED)
    # What only tells that something was read anew may differ; nothing else.
    for tables in (before, after):
        tables["builds"], tables["segment_changes"] = [], []
    compare(before, after)


def test_a_reject_that_was_lost_is_found(settled):
    change(settled, "DELETE FROM rejected_rows WHERE line = (SELECT max(line) FROM rejected_rows)")
    found = sahara("drops", "verify", cwd=settled)
    assert found.code == 3
    assert "1 reject differs from what its file gives" in found.out


def test_rows_that_no_path_delivers_are_found(settled):
    change(settled, "INSERT INTO raw_customers SELECT * REPLACE ('feed' AS _drop_id) FROM raw_customers LIMIT 2")
    found = sahara("drops", "verify", "--json", cwd=settled)
    assert found.code == 3
    (difference,) = json.loads(found.out)["files"]["differences"]
    assert difference["text"] == "2 rows of feed, which no path delivers"


def test_a_file_rewritten_behind_unchanged_times_is_found(settled):
    path, _ = first_drop(settled)
    file = settled / "data" / path
    with duckdb.connect(str(settled / "sahara.duckdb")) as connection:
        text = file.read_bytes()
        file.write_bytes(text.replace(b"1", b"2"))
        status = file.stat()
        signature = f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"
        connection.execute("UPDATE drops SET signature = ? WHERE path = ?", [signature, path])
    found = sahara("drops", "verify", cwd=settled)
    assert found.code == 3
    assert "though its size and times say that it was not touched; touch the file" in found.out


def test_a_drop_whose_file_is_gone_is_only_counted_and_cannot_be_reloaded(settled):
    path, _ = first_drop(settled)
    (settled / "data" / path).unlink()
    found = sahara("drops", "verify", cwd=settled)
    assert found.code == 0, found.out
    assert (
        f"1 drop could only be counted, because the file is gone or was read under other settings: {path}" in found.out
    )
    refused = sahara("drops", "reload", path, cwd=settled)
    assert refused.code == 2
    assert f"{path}: there is no such file in the drop folder to read again" in refused.err


def test_a_rebuild_mends_derived_tables_and_keeps_the_model(settled):
    before = tables_of(settled / "sahara.toml", EMBEDDED)
    change(
        settled, "DELETE FROM purchases; UPDATE customer_features SET gross_spend = 0; DELETE FROM customer_segments"
    )
    shutil.rmtree(settled / "exports")
    assert sahara("run", "--rebuild", cwd=settled).code == 0
    compare(before, tables_of(settled / "sahara.toml", EMBEDDED))
    assert (settled / "exports" / "audience_ga4.csv").exists()
