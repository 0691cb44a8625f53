"""The made-up purchases of Byte Foods: the published counts, and a file that looks like the real one, small and whole."""

from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from sahara_assets.generate import byte_foods_published as published
from sahara_assets.generate.byte_foods import make_plan, make_products, read_products
from sahara_assets.generate.byte_foods_lines import HEADER, deal, generate_byte_foods

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "byte_foods"
ROWS = 4_000


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return generate_byte_foods(tmp_path_factory.mktemp("byte_foods"), rows=ROWS, seed=7)


@pytest.fixture(scope="module")
def rows(made):
    with made.purchases.open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_file_is_laid_out_as_the_real_one(made, rows):
    assert made.purchases.read_text().startswith(HEADER)
    assert (len(rows), made.rows) == (ROWS, ROWS)
    for row in rows:
        assert re.fullmatch(r"\d+", row["kiosk_id"])
        assert re.fullmatch(r"\d{4}", row["product_id"])
        assert re.fullmatch(r"([A-Za-z0-9+/]{86}==)?", row["card_hash"])
        assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d-0[78]", row["date_time"])
        assert re.fullmatch(r"\d*", row["fc_number"])


def test_offsets_are_those_of_the_west_coast_and_both_ends_are_there(rows):
    zone = ZoneInfo("America/Los_Angeles")
    moments = [datetime.fromisoformat(row["date_time"]) for row in rows]
    for moment in moments:
        assert moment.utcoffset() == moment.astimezone(zone).utcoffset()
    assert moments == sorted(moments)
    assert {moment.utcoffset() for moment in moments} == {timedelta(hours=-7), timedelta(hours=-8)}
    assert min(row["date_time"] for row in rows) == "2017-09-27 00:07:36-07"
    assert max(row["date_time"] for row in rows) == "2018-09-25 14:34:46-07"


def test_equal_lines_anonymous_lines_and_faithful_cards_are_among_them(rows):
    lines = Counter(tuple(row.values()) for row in rows)
    assert sum(count - 1 for count in lines.values()) > ROWS / 100
    assert any(not row["card_hash"] for row in rows)
    moments = {}
    for row in rows:
        moments.setdefault((row["card_hash"], row["product_id"]), set()).add(row["date_time"])
    again = sum(len(found) > 1 for (card, _), found in moments.items() if card)
    assert again > ROWS / 20
    # What was taken at once was taken at one kiosk; the biggest card is no single person.
    (biggest, _), *_ = Counter(row["card_hash"] for row in rows).most_common(1)
    places = {}
    for row in rows:
        if row["card_hash"] not in {"", biggest}:
            places.setdefault((row["card_hash"], row["date_time"]), set()).add(row["kiosk_id"])
    assert sum(len(found) > 1 for found in places.values()) <= 1


def test_products_are_described_in_a_file_of_their_own(made, rows):
    with made.products.open(newline="") as file:
        info = {row["product_id"]: row for row in csv.DictReader(file)}
    assert len(info) == published.PRODUCTS
    assert all(info[row["product_id"]]["fc_number"] == row["fc_number"] for row in rows)
    assert any("," in row["product_name"] for row in info.values())
    assert all(re.fullmatch(r"\d\d%", row["margins"]) for row in info.values())


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(made, tmp_path):
    again = generate_byte_foods(tmp_path / "again", rows=ROWS, seed=7)
    other = generate_byte_foods(tmp_path / "other", rows=ROWS, seed=8)
    assert again.purchases.read_bytes() == made.purchases.read_bytes()
    assert again.products.read_bytes() == made.products.read_bytes()
    assert again.purchases.stat().st_mtime == made.purchases.stat().st_mtime
    assert other.purchases.read_bytes() != made.purchases.read_bytes()
    assert not [path for path in (tmp_path / "again").rglob("*") if path.name.startswith(".")]


def test_shares_stay_what_they_are_with_fewer_rows(rows):
    parts = Counter()
    for row in rows:
        hour = datetime.fromisoformat(row["date_time"]).astimezone(ZoneInfo("UTC")).hour
        parts["Morning" if hour < 13 else "Afternoon" if hour < 18 else "Evening"] += 1
    for part, count in published.PARTS.items():
        assert parts[part] / ROWS == pytest.approx(count / published.ROWS, abs=0.01)
    (best, count), *_ = Counter(row["product_id"] for row in rows).most_common(1)
    assert best == "4061"
    assert count / ROWS == pytest.approx(68_369 / published.ROWS, abs=0.005)


@pytest.fixture(scope="module", params=["made-up products", "the real ones"])
def plan(request):
    """Every count of the full file; no line is drawn."""
    rng = np.random.default_rng([20, 7])
    if request.param == "made-up products":
        return make_plan(published.ROWS, rng, make_products(rng))
    if not REAL.is_dir():
        pytest.skip("../shared/data/byte_foods is not there")
    return make_plan(published.ROWS, rng, read_products(REAL / "product_info.csv"))


def test_the_plan_has_the_published_totals(plan):
    assert plan.rows == plan.kiosk_counts.sum() == published.ROWS
    assert plan.card_counts.sum() == published.ROWS - published.ROWS_WITHOUT_CARD
    assert (len(plan.kiosks), len(set(plan.kiosks.tolist())), len(plan.products), len(plan.card_counts)) == (
        546,
        546,
        330,
        119_780,
    )
    assert min(plan.card_counts.min(), plan.kiosk_counts.min(), plan.product_counts.min()) >= 1
    assert plan.product_parts.sum(axis=0).tolist() == list(published.PARTS.values())


def test_the_plan_has_the_published_counts_in_their_places(plan):
    counts = {product.product_id: int(count) for product, count in zip(plan.products, plan.product_counts, strict=True)}
    ranked = sorted(counts.items(), key=lambda item: -item[1])
    shown = list(published.counts(published.PRODUCT_COUNTS).items())
    assert [count for _, count in ranked[:30] + ranked[270:300]] == [count for _, count in shown]
    assert all(counts[product] == count for product, count in shown)
    assert counts[2603] == 17_392  # the write-up copied the line above
    groups = Counter()
    for product in plan.products:
        groups[product.fc_number] += counts[product.product_id]
    assert groups == {**published.counts(published.FC_COUNTS), None: published.ROWS_WITHOUT_FC_NUMBER}
    kiosks = sorted(zip(plan.kiosk_counts.tolist(), plan.kiosks.tolist(), strict=True), reverse=True)[:50]
    assert {kiosk: count for count, kiosk in kiosks} == published.counts(published.KIOSK_COUNTS)
    cards = sorted(plan.card_counts.tolist(), reverse=True)
    assert cards[:50] == [int(count) for count in published.CARD_COUNTS.split()]
    assert cards[50] < cards[49]
    flat = sorted(plan.product_parts.reshape(-1).tolist(), reverse=True)
    assert flat[:30] + flat[70:100] == sorted(published.part_counts().values(), reverse=True)


def test_a_published_figure_is_not_the_copy_error():
    assert "2603:17392" in published.PRODUCT_COUNTS
    assert published.PRODUCT_COUNTS.count("32361") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 999}, "rows must be between 1,000 and 1,115,572, not 999"),
        ({"rows": 1_115_573}, "rows must be between 1,000 and 1,115,572"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
    ],
)
def test_an_argument_out_of_bounds_is_named_with_its_bounds(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        generate_byte_foods(tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("product_id,name\n1,x\n", "header must name product_id and fc_number"),
        ("product_id,fc_number\n4061,x\n", "must be whole numbers"),
        (
            "product_id,fc_number\n4061,1\n",
            "holds 1 products where the purchases have 330 and product 2350 is not among them",
        ),
    ],
)
def test_a_product_file_that_does_not_fit_is_refused(tmp_path, content, message):
    path = tmp_path / "info.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=message):
        generate_byte_foods(tmp_path / "out", rows=ROWS, product_info=path)


@pytest.mark.parametrize("size", [1_000, 30_000])
def test_every_count_of_a_smaller_plan_is_dealt_out(size):
    rng = np.random.default_rng(3)
    plan = make_plan(size, rng, make_products(rng))
    lines = deal(plan, rng)
    assert (np.bincount(lines.kiosk, minlength=546) == plan.kiosk_counts).all()
    assert (np.bincount(lines.product, minlength=330) == plan.product_counts).all()
    assert (np.bincount(lines.card[lines.card >= 0], minlength=len(plan.card_counts)) == plan.card_counts).all()
    assert (lines.card < 0).sum() == plan.rows_without_card
    hours = (lines.moment // 3_600) % 24
    assert ((hours >= 13).astype(int) + (hours >= 18) == lines.part).all()
    cells = np.bincount(lines.product * 3 + lines.part, minlength=990).reshape(330, 3)
    assert (cells == plan.product_parts).all()
