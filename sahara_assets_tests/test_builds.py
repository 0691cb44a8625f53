"""What is built again and what is not, and that nothing half done looks done."""

import itertools
from datetime import datetime

import pytest

from sahara_assets.builds import RUN, Run, built, code_fingerprint, combine, rebuild, record
from sahara_assets.tables.books import STEP_COUNTS
from sahara_assets.warehouse.duckdb import DuckDBWarehouse

NOW = Run("r", datetime(2026, 1, 1))


@pytest.fixture
def warehouse():
    warehouse = DuckDBWarehouse(None)
    warehouse.prepare()
    yield warehouse
    warehouse.close()


def builder(warehouse, reason):
    def build():
        warehouse.insert(STEP_COUNTS, [{"table_name": "t", "position": 1, "reason": reason, "row_count": 1}])
        return 1, {"because": reason}

    return build


def reasons(warehouse):
    return [row["reason"] for row in warehouse.rows(STEP_COUNTS)]


def test_a_table_is_built_once_for_one_fingerprint_and_again_for_another(warehouse):
    first = rebuild(warehouse, NOW, "t", "f1", builder(warehouse, "first"))
    again = rebuild(warehouse, NOW, "t", "f1", builder(warehouse, "again"))
    other = rebuild(warehouse, NOW, "t", "f2", builder(warehouse, "other"))
    assert [first.rebuilt, again.rebuilt, other.rebuilt] == [True, False, True]
    assert (again.details, again.row_count) == ({"because": "first"}, 1)
    assert sorted(reasons(warehouse)) == ["first", "other"]
    assert built(warehouse, "t").fingerprint == "f2"


def test_a_builder_that_fails_leaves_neither_rows_nor_a_record(warehouse):
    def fail():
        builder(warehouse, "half")()
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        rebuild(warehouse, NOW, "t", "f1", fail)
    assert reasons(warehouse) == []
    assert built(warehouse, "t") is None


def test_whatever_is_built_ends_the_word_of_the_last_run_that_all_is_current(warehouse):
    record(warehouse, NOW, RUN, "all", 1, {})
    rebuild(warehouse, NOW, "t", "f1", builder(warehouse, "first"))
    assert built(warehouse, RUN) is None
    record(warehouse, NOW, RUN, "all", 1, {})
    rebuild(warehouse, NOW, "t", "f1", builder(warehouse, "first"))
    assert built(warehouse, RUN).fingerprint == "all"


def test_fingerprints_tell_their_parts_apart():
    parts = ["", "a", "b", "ab", '"', ","]
    many = [combine(*chosen) for n in range(4) for chosen in itertools.product(parts, repeat=n)]
    assert len(set(many)) == len(many)


def test_the_fingerprint_of_code_is_of_the_places_named():
    places = ["drops", "sales", "sales/lines", "tables", "."]
    assert len({code_fingerprint(place) for place in places}) == len(places)
    assert code_fingerprint("sales", "tables") != code_fingerprint("tables", "sales")
    with pytest.raises(FileNotFoundError):
        code_fingerprint("no_such_module")


def test_progress_is_told_only_where_something_is_built(warehouse):
    told = []
    run = Run("r", NOW.now, lambda *words: told.append(words))
    for _ in range(2):
        rebuild(warehouse, run, "t", "f1", builder(warehouse, "first"))
    assert told == [("t", 0, 1), ("t", 1, 1)]
