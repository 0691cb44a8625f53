import itertools
from datetime import datetime, timedelta

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from sahara_assets.recommendations import together
from sahara_assets.recommendations.together import also_bought, bought_together
from sahara_assets.settings.recommendations import RecommendationSettings
from sahara_assets_tests.recommendations.made_sales import CUT_OFF, START, sales_of

ALL = RecommendationSettings(minimum_pair_orders=1, pairs_per_product=1000)


def pairs(sales, settings=ALL):
    found = bought_together(sales, CUT_OFF, settings)
    return {
        (sales.products[one], sales.products[other]): count
        for one, other, count in zip(found.product, found.other, found.orders.tolist(), strict=True)
    }


def test_support_confidence_and_lift_follow_from_the_counts():
    sales = sales_of(
        ("ann", "1", "cup", 0), ("ann", "1", "saucer", 0),
        ("bob", "2", "cup", 0), ("bob", "2", "saucer", 0),
        ("cat", "3", "cup", 0), ("dan", "4", "pot", 0),
    )  # fmt: skip
    found = bought_together(sales, CUT_OFF, ALL)
    place = list(zip(found.product.tolist(), found.other.tolist(), strict=True)).index((0, 2))
    assert (sales.products[0], sales.products[2]) == ("cup", "saucer")
    assert (found.orders[place], found.order_counts.tolist(), found.order_count) == (2, [3, 1, 2], 4)
    assert (found.support[place], found.confidence[place], found.lift[place]) == (0.5, 2 / 3, (2 / 3) / 0.5)


def test_an_order_of_one_product_has_no_pair_and_what_came_back_on_the_order_is_not_in_it():
    sales = sales_of(("ann", "1", "cup", 0), ("bob", "2", "cup", 0, 2.0, 0.0), ("bob", "2", "pot", 0, 1.0, 1.0))
    assert pairs(sales) == {}


def test_orders_of_nobody_count_only_where_that_is_asked_for():
    sales = sales_of((None, "1", "cup", 0), (None, "1", "pot", 0))
    assert pairs(sales) == {}
    asked = ALL.model_copy(update={"anonymous_orders": True})
    assert pairs(sales, asked) == {("cup", "pot"): 1, ("pot", "cup"): 1}


def test_rare_pairs_are_left_out_and_of_equal_ones_the_smaller_id_comes_first():
    sales = sales_of(
        *((f"c{n}", f"o{n}", product, 0) for n in range(3) for product in ("cup", "b", "a", "c")),
        ("x", "x", "cup", 0),
        ("x", "x", "rare", 0),
    )
    settings = ALL.model_copy(update={"minimum_pair_orders": 2, "pairs_per_product": 2})
    found = bought_together(sales, CUT_OFF, settings)
    companions = [
        (sales.products[other], rank)
        for one, other, rank in zip(found.product, found.other, found.rank.tolist(), strict=True)
        if sales.products[one] == "cup"
    ]
    assert companions == [("a", 1), ("b", 2)]


orders = st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6), max_size=12)


@given(orders)
def test_pairs_are_those_of_counting_by_hand_however_small_the_parts(baskets):
    rows = [("ann", f"o{n}", product, 0) for n, basket in enumerate(baskets) for product in basket]
    sales = sales_of(*rows)
    usual, together._CELLS = together._CELLS, 2
    try:
        found = pairs(sales)
    finally:
        together._CELLS = usual
    expected = {}
    for basket in baskets:
        for pair in itertools.permutations(set(basket), 2):
            expected[pair] = expected.get(pair, 0) + 1
    assert found == expected


# The Ecom system's definition, as its document has it: names aggregated per user, compared by LIKE.
ECOM = """
WITH bought AS (SELECT DISTINCT customer, name FROM lines),
together AS (SELECT customer AS other, string_agg(name, ', ') AS names FROM lines GROUP BY 1)
SELECT DISTINCT trim(product) FROM bought, together, unnest(string_split(names, ',')) AS parts(product)
WHERE bought.customer = 'ann' AND names LIKE '%' || bought.name || '%' AND other != 'ann' AND trim(product) != bought.name
  AND trim(product) NOT IN (SELECT name FROM bought WHERE customer = 'ann')
ORDER BY 1
"""


def test_a_name_inside_another_is_no_purchase_together_as_it_is_by_the_source():
    names = {"P1": "Pen", "P2": "Pencil case", "P3": "Salt, fine", "P4": "Eraser"}
    rows = [
        ("ann", "1", "P1", 0),
        ("bob", "2", "P2", 0),
        ("bob", "2", "P3", 0),
        ("cat", "3", "P1", 0),
        ("cat", "3", "P4", 0),
    ]
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE lines (customer VARCHAR, name VARCHAR)")
        connection.executemany("INSERT INTO lines VALUES (?, ?)", [[row[0], names[row[2]]] for row in rows])
        by_source = [name for (name,) in connection.execute(ECOM).fetchall()]
    sales = sales_of(*rows)
    ours = [names[product] for product, _, _ in also_bought(sales, ["P1"], START, CUT_OFF)]
    assert ours == ["Eraser"]
    # The source finds what nobody bought with a pen, and products that there are none of.
    assert by_source == ["Eraser", "Pencil case", "Salt", "fine"]


def test_also_bought_keeps_to_the_period_and_says_how_many_bought():
    sales = sales_of(
        ("ann", "1", "cup", 0), ("ann", "2", "pot", 10, 5.0), ("ann", "3", "pan", 40),
        ("bob", "4", "cup", 39), ("bob", "5", "pot", 11, 2.0), ("cat", "6", "pot", 12),
    )  # fmt: skip
    assert also_bought(sales, ["cup", "unknown"], START, START + timedelta(days=30)) == [("pot", 5.0, 1)]
    assert also_bought(sales, ["cup"], START, datetime(2025, 3, 1)) == [("pot", 7.0, 2), ("pan", 1.0, 1)]
    assert also_bought(sales, ["unknown"], START, CUT_OFF) == []
