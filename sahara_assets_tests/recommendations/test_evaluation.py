from datetime import timedelta
from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.recommendations.evaluation import evaluate, later_purchases
from sahara_assets.recommendations.interactions import interactions_at
from sahara_assets.recommendations.methods import Popularity
from sahara_assets.settings.recommendations import RecommendationSettings
from sahara_assets_tests.recommendations.made_sales import CUT_OFF, START, sales_of

PLAIN = RecommendationSettings(half_life_days=0.0)
SPLIT = START + timedelta(days=100)


def later_of(sales, **more):
    known = interactions_at(sales, SPLIT, PLAIN)
    return known, later_purchases(sales, known, SPLIT, CUT_OFF, seed=1, **more)


def new_pairs(sales, later):
    found = later.new.tocoo()
    return sorted(
        (sales.customers[later.customers[row]], sales.products[column])
        for row, column in zip(found.row, found.col, strict=True)
    )


def test_only_new_kept_known_products_of_known_customers_are_measured_on():
    sales = sales_of(
        ("ann", "1", "cup", 0), ("ann", "2", "cup", 110), ("ann", "2", "pot", 110),  # a repeat, and something new
        ("ann", "3", "pan", 120, 2.0), ("ann", "C3", "pan", 121, 0.0, 2.0),  # came back whole
        ("ann", "4", "brand new", 130),  # nobody had ever bought it
        ("bob", "5", "pot", 1), ("bob", "5", "pan", 1),
        ("cat", "6", "pot", 140),  # had bought nothing before
        ("dan", "7", "pot", 2, 1.0), ("dan", "C7", "pot", 3, 0.0, 1.0), ("dan", "8", "cup", 140),  # had kept nothing before
        (None, "9", "cup", 140),
    )  # fmt: skip
    _, later = later_of(sales)
    assert new_pairs(sales, later) == [("ann", "pot")]
    assert later.unknown_pairs == 1


def test_who_knows_the_past_only_by_heart_finds_nothing():
    # Everybody buys again what they have, and one new thing: recommending what they have must be worth nothing.
    rows = [(f"c{n}", f"{n}-{day}", f"own{n}", day) for n in range(12) for day in (0, 150)]
    rows += [(f"c{n}", f"new{n}", f"own{(n + 1) % 12}", 151) for n in range(12)]
    sales = sales_of(*rows)
    known, later = later_of(sales)

    class ByHeart:
        def scores(self, first, last):
            return known.weights[later.customers[first:last]].toarray().astype(np.float32)

    found = evaluate(ByHeart(), later, known, known.on_offer(SPLIT, 0))
    # All but the first customers' new product stand in a tie of zeros behind what is left out: no better than by number.
    by_number = evaluate(Popularity(np.zeros(len(sales.products))), later, known, known.on_offer(SPLIT, 0))
    assert {name: found[name] for name in ("ndcg_at_10", "map_at_5", "average_rank")} == {
        name: by_number[name] for name in ("ndcg_at_10", "map_at_5", "average_rank")
    }


def reference(scores, seen, new, offered):
    """The measures by definition, one customer at a time, in plain Python."""
    totals = {}
    squared, cells = 0.0, 0
    for own, had, wanted in zip(scores, seen, new, strict=True):
        rounded = np.round(own.astype(np.float64), 6)
        candidates = [c for c in range(len(own)) if not had[c]]
        squared += sum((float(own[c]) - wanted[c]) ** 2 for c in candidates)
        cells += len(candidates)
        ranking = sorted(candidates, key=lambda c: (not offered[c], -rounded[c] if offered[c] else 0.0, c))
        recommended = [c for c in ranking if offered[c]]
        count = int(sum(wanted))
        gain = [1 / log2(place + 2) for place in range(len(own))]
        measures = {}
        for k in (5, 10):
            hits = [bool(wanted[c]) for c in recommended[:k]]
            measures[f"precision_at_{k}"] = sum(hits) / k
            measures[f"recall_at_{k}"] = sum(hits) / count
            precisions = [sum(hits[: i + 1]) / (i + 1) for i, hit in enumerate(hits) if hit]
            measures[f"map_at_{k}"] = sum(precisions) / min(count, k)
            measures[f"ndcg_at_{k}"] = sum(g for g, hit in zip(gain, hits, strict=False) if hit) / sum(
                gain[: min(count, k)]
            )
        places = [place for place, c in enumerate(ranking) if wanted[c]]
        measures["mean_average_precision"] = sum((i + 1) / (place + 1) for i, place in enumerate(places)) / count
        measures["normalized_discounted_cumulative_gain"] = sum(gain[place] for place in places) / sum(gain[:count])
        for name, value in measures.items():
            totals.setdefault(name, []).append(value)
        totals.setdefault("average_rank", []).extend(place / max(len(candidates) - 1, 1) for place in places)
    return {name: float(np.mean(values)) for name, values in totals.items()} | {"mean_squared_error": squared / cells}


@given(st.integers(0, 10**6))
def test_measures_are_those_of_their_definitions(seed):
    draw = np.random.default_rng(seed)
    customers, products = int(draw.integers(1, 6)), int(draw.integers(2, 25))
    bought = draw.random((customers, products)) < 0.4
    again = draw.random((customers, products)) < 0.4
    # Somebody has everything, so that every product is known; nobody measures on them.
    rows = [("all", "all", f"p{c:02}", 0) for c in range(products)]
    rows += [(f"c{r}", f"a{r}", f"p{c:02}", 1) for r, c in zip(*np.nonzero(bought), strict=True)]
    rows += [(f"c{r}", f"b{r}", f"p{c:02}", 110) for r, c in zip(*np.nonzero(again), strict=True)]
    sales = sales_of(*rows)
    known, later = later_of(sales)
    if not len(later.customers):
        return
    scores = draw.choice([0.0, 0.25, 0.5, 0.75], (len(later.customers), products)).astype(np.float32)
    offered = draw.random(products) < 0.8

    class Drawn:
        def scores(self, first, last):
            return scores[first:last].copy()

    found = evaluate(Drawn(), later, known, offered)
    seen = known.seen[later.customers].toarray() > 0
    expected = reference(scores, seen, later.new.toarray(), offered)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert found["recall"] == found["recall_at_10"]


def test_coverage_and_novelty_tell_a_list_for_everybody_from_one_for_each():
    rows = [("all", "all", f"p{n:02}", 0) for n in range(40)]
    rows += [(f"c{n}", f"a{n}", "p00", 1) for n in range(20)] + [
        (f"c{n}", f"b{n}", f"p{n + 1:02}", 110) for n in range(20)
    ]
    sales = sales_of(*rows)
    known, later = later_of(sales)
    offered = known.on_offer(SPLIT, 0)
    same = evaluate(Popularity(known.popularity), later, known, offered)

    class Own:
        def scores(self, first, last):
            found = np.zeros((last - first, 40), np.float32)
            for row, customer in enumerate(range(first, last)):
                found[row, (customer * 7 + np.arange(10)) % 40] = 1.0
            return found

    each = evaluate(Own(), later, known, offered)
    assert same["coverage_at_10"] == 10 / 40
    assert each["coverage_at_10"] > 0.9
    assert same["novelty_at_10"] == pytest.approx(-np.log2(1 / 21))


def test_of_very_many_customers_a_seeded_draw_is_measured():
    rows = [(f"c{n:02}", f"a{n}", "cup", 0) for n in range(30)] + [(f"c{n:02}", f"b{n}", "pot", 110) for n in range(30)]
    sales = sales_of(*rows, ("x", "x", "pot", 0))
    (_, once), (_, again) = later_of(sales, most=7), later_of(sales, most=7)
    assert len(once.customers) == 7
    assert np.array_equal(once.customers, again.customers)
    assert once.new.nnz == 7
