from pathlib import Path

from sahara_assets.tables.datasets import DATASETS
from sahara_assets.tables.reference import render
from sahara_assets.tables.schema import ALL_TABLES


def test_the_data_dictionary_is_what_the_code_declares():
    committed = Path(__file__).parent.parent / "docs" / "tables.md"
    assert committed.read_text(encoding="utf-8") == render(), "run `make docs`"


def test_every_table_and_column_says_what_it_is():
    for table in ALL_TABLES:
        assert table.description.endswith(".")
        for column in table.columns:
            assert column.description.rstrip().endswith("."), (table.name, column.name)


def test_keys_are_columns_that_are_never_null():
    for table in ALL_TABLES:
        for name in table.key:
            assert not table.column(name).nullable, (table.name, name)


def test_what_a_dataset_needs_is_declared():
    for dataset in DATASETS.values():
        for name in (*dataset.required, *dataset.expected, *dataset.key, *dataset.identifiers):
            dataset.column(name)
        assert set(dataset.key) <= set(dataset.required)
        for name in dataset.required:
            assert not dataset.column(name).nullable
