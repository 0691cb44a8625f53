"""What `sahara init` writes of a messy file's dialect is enough to load it."""

from __future__ import annotations

import tomllib

import pytest

from sahara_assets.drops.ledger import rejected_rows
from sahara_assets.onboarding.propose import propose
from sahara_assets.onboarding.render import render_config
from sahara_assets.settings.document import parse_settings
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets_tests.drops.messy.pollutions import pollutions
from sahara_assets_tests.small_shop import SmallShop

# Nothing in these files says what the settings must: a person has to.
_NEED_A_PERSON = {
    "three characters between fields",
    "quotes escaped by another character",
    "an own mark and a line end end rows",
    "no header",
    "a preamble and no header",
    "a header where none was declared",  # it has one: that is what is proposed
    "a NUL in one row",  # taken for a binary file
    "a quoted field of a megabyte over many lines",  # hides the table in the head that is looked at
    "ten thousand columns",  # its mapping is a matter of columns, not of the dialect, and takes long
}
_CORPUS = {one.name: one for one in pollutions() if not one.refused and one.name not in _NEED_A_PERSON}


def _propose(pollution, folder):
    (folder / "drops").mkdir()
    (folder / "drops" / "orders.csv").write_bytes(pollution.content)
    return propose([folder / "drops" / "orders.csv"], folder)


@pytest.mark.parametrize("name", _CORPUS)
def test_a_load_under_the_proposed_settings_takes_in_what_it_should(name, tmp_path):
    pollution = _CORPUS[name]
    document = tomllib.loads(render_config(_propose(pollution, tmp_path)))
    shop = SmallShop(tmp_path)
    shop.settings = parse_settings(document, root=tmp_path)
    shop.load()
    found = {(row["order_id"], row["product_id"]) for row in shop.rows(RAW_TABLES["purchases"])}
    assert found == {(f"A{100 + number}", f"P{number:02}") for number in pollution.loads}
    assert len(rejected_rows(shop.warehouse)) == len(pollution.reasons)


def test_a_file_without_a_header_is_not_forced_into_a_dataset(tmp_path):
    without = next(one for one in pollutions() if one.name == "no header")
    proposal = _propose(without, tmp_path)
    assert not proposal.complete
    assert "header_lines = 0 and column_names" in proposal.unused[0].reason
