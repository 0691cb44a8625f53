"""What `[extracts.NAME]` may say, and how what is wrong is told; secrets come from variables or files, and are never shown."""

import pytest

from sahara_assets.errors import SaharaError, SettingsError
from sahara_assets.settings.document import parse_settings

GOOD = {
    "dataset": "purchases",
    "url": "postgresql://host/shop",
    "table": "lines",
    "watermark": "changed",
    "lookback": "15 minutes",
}
MONGO = {**GOOD, "url": "mongodb://host/shop", "table": "", "collection": "orders"}
DAYS = {"dataset": "events", "url": "bigquery://p/d", "table": "events_*", "lookback": "4 days"}


def problems(extract, name="shop", **datasets):
    with pytest.raises(SettingsError) as caught:
        settings(extract, name, **datasets)
    return caught.value.problems


def settings(extract, name="shop", root=None, environment=None, **datasets):
    document = {"datasets": {"purchases": {}, "events": {}, **datasets}, "extracts": {name: extract}}
    return parse_settings(document, root=root, environment=environment)


@pytest.mark.parametrize(
    ("extract", "said"),
    [
        ({**GOOD, "url": "postgresql://me:secret@host/shop"}, "extracts.shop.url: holds a secret"),
        ({**GOOD, "url": "mysql://host/shop?password=secret"}, "extracts.shop.url: holds a secret"),
        ({**GOOD, "url": "env:SAHARA_URL"}, "extracts.shop.url: names no variable"),
        ({**GOOD, "url": "shop.db"}, "extracts.shop.url: is no URL"),
        ({**GOOD, "lookback": "5"}, "extracts.shop.lookback: '5' is no span of time"),
        ({**GOOD, "lookback": -1}, "extracts.shop.lookback: must be a span"),
        ({k: v for k, v in GOOD.items() if k != "lookback"}, "extracts.shop.lookback: "),
        (
            {**GOOD, "query": "SELECT 1"},
            "extracts.shop: needs one of table, query and collection (found table and query)",
        ),
        ({**GOOD, "table": "", "query": "SELECT 1;"}, "extracts.shop.query: ends with a semicolon"),
        ({**GOOD, "watermark": ""}, "extracts.shop: needs a watermark"),
        (
            {**GOOD, "dataset": "purchase"},
            "extracts.shop.dataset: unknown dataset 'purchase'; did you mean 'purchases'?",
        ),
        ({**GOOD, "dataset": "products"}, "extracts.shop.dataset: there is no [datasets.products]"),
        ({**GOOD, "url": "mongodb://host/shop"}, "extracts.shop: a MongoDB has collections"),
        (MONGO, "extracts.shop: documents of purchases must be whole orders"),
        ({**DAYS, "table": "events"}, "extracts.shop: of BigQuery day tables are read"),
        ({**DAYS, "watermark": "at"}, "extracts.shop: day tables are told apart by their day"),
        ({**DAYS, "lookback": 4}, "extracts.shop: day tables need a lookback in time"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(extract, said, tmp_path):
    found = problems(extract, root=tmp_path)
    assert [line for line in found if line.startswith(said)], found
    assert "secret@" not in str(found)


def test_what_contradicts_a_dataset_is_said(tmp_path):
    assert "replaces what it said before" in problems(DAYS, root=tmp_path, events={"same_path": "append"})[0]
    assert 'set format = "auto"' in problems(GOOD, root=tmp_path, purchases={"format": "csv"})[0]
    assert "is no name of an extract" in problems(GOOD, name="My Shop", root=tmp_path)[0]


def test_the_address_comes_from_a_variable_or_the_file_that_one_names(tmp_path):
    secret = "postgresql://me:p%40ss@host/shop"
    (tmp_path / "url").write_text(f"{secret}\n")
    by_name = {**GOOD, "url": "env:SHOP_DB_URL"}
    for environment in ({"SHOP_DB_URL": secret}, {"SHOP_DB_URL_FILE": str(tmp_path / "url")}):
        found = settings(by_name, root=tmp_path, environment=environment)
        assert found.address_of("shop") == secret
        assert "p%40ss" not in repr(found) + found.model_dump_json()
    without = settings(by_name, root=tmp_path, environment={})
    with pytest.raises(SaharaError, match="SHOP_DB_URL is not set"):
        without.address_of("shop")
    with pytest.raises(SettingsError, match=r"SHOP_DB_URL_FILE: .* cannot be read"):
        settings(by_name, root=tmp_path, environment={"SHOP_DB_URL_FILE": str(tmp_path / "gone")})


def test_good_ones_are_told_apart_by_what_they_name(tmp_path):
    lists = {"purchases": {"explode": "items"}}
    kinds = [settings(extract, root=tmp_path, **lists).extracts["shop"].kind for extract in (GOOD, MONGO, DAYS)]
    assert kinds == ["sql", "mongo", "bigquery"]
