"""Whatever is done to some lines of a file: every line is a row or a reject, and the rows beside a spoilt one arrive unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahara_assets.drops.tables import read_table
from sahara_assets_tests.drops.messy.outcomes import load
from sahara_assets_tests.drops.messy.pollutions import Pollution
from sahara_assets_tests.drops.messy.spoiling import Spoilt, large_file, settings_for, small_files

_FILES = 430
_ROWS = 250


def _trimmed(values):
    return tuple(value.strip() for value in values)


def _check_table(spoilt: Spoilt, folder):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "orders.csv"
    path.write_bytes(spoilt.content)
    table = read_table(path, spoilt.dialect)
    assert table.records_read == len(table.rows) + len(table.rejects) == spoilt.lines
    assert sorted([*table.lines, *(reject.line for reject in table.rejects)]) == list(range(2, spoilt.lines + 2))
    found = dict(zip(table.lines, table.rows, strict=True))
    for line, values in spoilt.good.items():
        assert line in found, (line, values, table.rejects)
        assert _trimmed(found[line]) == _trimmed(_as_written(values, spoilt)), line


def _as_written(values, spoilt):
    return (
        tuple(value.replace("\t", " ") or "-" for value in values) if spoilt.dialect.delimiter == "blanks" else values
    )


def _check_load(spoilt: Spoilt, folder):
    found = load(Pollution("fuzz", spoilt.content, settings_for(spoilt.dialect)), folder)
    assert found.ledger["rows_read"] == len(found.rows) + len(found.rejects) == spoilt.lines
    assert found.ledger["rows_loaded"] == len(found.rows)
    assert sorted([*found.lines, *(reject["line"] for reject in found.rejects)]) == list(range(2, spoilt.lines + 2))
    arrived = dict(zip(found.lines, found.rows, strict=True))
    for line, values in spoilt.good.items():
        assert line in arrived, [reject for reject in found.rejects if reject["line"] == line]
        assert _trimmed(value or "" for value in arrived[line]) == _trimmed(_as_written(values, spoilt))


@settings(max_examples=150, deadline=None)
@given(small_files())
def test_rows_beside_a_spoilt_one_are_read_by_read_table(tmp_path_factory, spoilt):
    _check_table(spoilt, tmp_path_factory.mktemp("table"))


@settings(max_examples=25, deadline=None)
@given(small_files())
def test_rows_beside_a_spoilt_one_are_loaded(tmp_path_factory, spoilt):
    _check_load(spoilt, tmp_path_factory.mktemp("load"))


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1 << 32))
def test_a_file_with_many_spoilt_rows_is_conserved(tmp_path_factory, seed):
    spoilt = large_file(seed, 120)
    _check_table(spoilt, tmp_path_factory.mktemp("table"))
    _check_load(spoilt, tmp_path_factory.mktemp("load"))


@pytest.mark.long
def test_more_than_a_hundred_thousand_rows_too(tmp_path, long_count):
    for seed in range(_FILES):
        spoilt = large_file(seed, _ROWS)
        _check_table(spoilt, tmp_path / f"table{seed}")
        _check_load(spoilt, tmp_path / f"load{seed}")
    long_count(
        "Messy CSV: files under 32 dialects, one line in eight spoilt: each line a row or a reject, its neighbours unharmed",
        f"{_FILES * _ROWS:,} rows",
    )
