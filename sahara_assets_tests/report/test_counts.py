"""Rejected rows: the check, the end of a run and every place of the report count the same ones."""

import pytest

from sahara_assets.quality.checklist import run_checks
from sahara_assets.quality.sales import currency_of
from sahara_assets.report.page import render_report
from sahara_assets.report.publishing import gather
from sahara_assets.summary import summarise
from sahara_assets_tests.report.test_page import Outline
from sahara_assets_tests.small_shop import SmallShop, as_csv, line


@pytest.fixture
def shop(tmp_path):
    """Two rows in five rejected, the same file under a second name, and a drop that lacks a column."""
    shop = SmallShop(tmp_path)
    rows = as_csv([line(f"o{number}", "c1", price="many" if number < 2 else "2.00") for number in range(5)])
    shop.deliver("purchases_2026-01-01.csv", rows)
    shop.deliver("purchases_2026-01-02.csv", rows)
    shop.deliver("purchases_2026-01-03.csv", "order_id,customer_id\no9,c1\no10,c1\no11,c1\n")
    shop.build()
    return shop


def test_copies_and_drops_kept_out_are_not_in_the_number_of_rejected_rows(shop):
    verdicts = run_checks(shop.warehouse, shop.settings)
    said = next(verdict.text for verdict in verdicts if verdict.name == "no_rejected_rows")
    assert said.startswith("2 of 5 rows of the drops in use rejected (40.00%); ")
    assert summarise(shop.warehouse, shop.settings).rejected_count == 2
    text = Outline(render_report(gather(shop.warehouse, shop.settings, verdicts))).text.replace("\xa0", " ")
    assert "Rows delivered82 rejected, 3 in drops kept out" in text
    assert "2 drops with 8 rows: 3 loaded, 2 rejected, 3 in drops kept out whole. The sum is complete" in text
    assert "Rejected rows 2 rows of the drops in use, kept with file, line and reason." in text
    assert "Besides, 3 rows stand in drops that were kept out whole." in text


@pytest.mark.parametrize(
    ("stated", "set_in_settings", "said"),
    [(["GBP", "GBP"], "", "GBP"), (["GBP", ""], "", ""), (["GBP", "EUR"], "", ""), (["GBP", "GBP"], "GBP", "GBP")],
)
def test_the_currency_is_what_the_settings_say_or_every_line(tmp_path, stated, set_in_settings, said):
    shop = SmallShop(tmp_path, project={"currency": set_in_settings})
    shop.deliver("purchases_2026-01-01.csv", [line(f"o{place}", currency=code) for place, code in enumerate(stated)])
    shop.load()
    assert currency_of(shop.warehouse, shop.settings) == said
