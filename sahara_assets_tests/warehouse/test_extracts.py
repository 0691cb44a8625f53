"""On every warehouse: orders that an extract states anew replace what older drops and extracts said of them."""

import os
from collections import Counter

from sahara_assets_tests.extracts.counter_shop import CounterShop
from sahara_assets_tests.small_shop import line


def test_an_order_is_what_the_newest_extract_says(warehouse, tmp_path):
    counter = CounterShop(tmp_path, warehouse=warehouse)
    old = counter.shop.deliver("purchases.csv", [line("A", product="cup"), line("A", product="cup"), line("Z")])
    os.utime(old, (0, 0))
    lines = counter.taken_in()[0]
    assert lines == Counter({("A", "cup", 1): 2, ("Z", "mug", 1): 1})
    counter.put_line(1, 10, "A", "mug", 1)
    counter.put_line(2, 11, "A", "mug", 1)
    counter.put_line(3, 12, "B", "cup", 2)
    counter.put_customer("ann", 12, "UK")
    counter.extract_well()
    truth, people = counter.truth()
    assert counter.taken_in() == (truth + Counter({("Z", "mug", 1): 1}), people)
    counter.execute("DELETE FROM order_lines WHERE line_id = 2")
    counter.put_line(1, 40, "A", "mug", 7)
    counter.put_customer("ann", 41, "FR")
    counter.extract_well()
    truth, people = counter.truth()
    assert counter.taken_in() == (truth + Counter({("Z", "mug", 1): 1}), people)
    counter.database.close()
