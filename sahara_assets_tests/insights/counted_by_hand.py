"""The insights worked out line by line in plain Python, from `purchases`, `orders`, `products` and segments: nothing shared with the code."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import combinations


@dataclass
class Sold:
    """What some lines come to."""

    lines: int = 0
    units: Decimal = Decimal(0)
    spend: Decimal = Decimal(0)
    orders: frozenset = frozenset()

    def __add__(self, line):
        return Sold(
            self.lines + 1,
            self.units + line["quantity"],
            self.spend + line["line_total"],
            self.orders | {line["order_id"]},
        )

    def measures(self, has_money):
        return {
            "line_count": self.lines,
            "unit_count": self.units,
            "gross_spend": self.spend if has_money else None,
            "order_count": len(self.orders),
        }


class ByHand:
    """Every line with its slices; each insight as a dictionary from key to values."""

    def __init__(self, purchases, orders, products, segments, *, months, has_money):
        self.orders = {row["order_id"]: row for row in orders}
        self.products = {row["product_id"]: row for row in products}
        self.segments = segments
        self.has_money = has_money
        self.every = [dict(row) for row in purchases]
        self.sales = [row for row in self.every if row["line_kind"] == "sale"]
        self.goods = [row for row in self.sales if not row["is_fee"]]
        all_days = [self.day(row) for row in self.sales]
        self.first_day, self.last_day = min(all_days), max(all_days)
        kept = sorted({(d.year, d.month) for d in self._months_back(months)})
        self.kept = {f"{year}-{month:02d}" for year, month in kept}

    def _months_back(self, months):
        at = self.last_day.year * 12 + self.last_day.month - 1
        return [date((at - back) // 12, (at - back) % 12 + 1, 1) for back in range(months)]

    def day(self, line):
        return self.orders[line["order_id"]]["ordered_on"]

    def customer(self, line):
        return self.orders[line["order_id"]]["customer_id"]

    def own(self, line):
        customer = self.customer(line)
        if customer is None:
            return "anonymous"
        segment = self.segments.get(customer)
        return "unsegmented" if segment is None else str(segment)

    def buyers(self, line):
        own = self.own(line)
        return {own, "everyone"} | (set() if own == "anonymous" else {"known"})

    def periods(self, line):
        month = f"{self.day(line):%Y-%m}"
        return {"all", month[:4]} | ({month} if month in self.kept else set())

    def slices(self, line):
        return [(period, buyers) for period in self.periods(line) for buyers in self.buyers(line)]

    def grouped(self, lines, key, *, periods=True):
        found = defaultdict(Sold)
        for line in lines:
            for period, buyers in self.slices(line):
                if periods or period == "all":
                    place = (period, buyers) if periods else (buyers,)
                    found[(*place, *key(line))] += line
        return dict(found)

    def by_customer(self):
        known = [line for line in self.sales if self.customer(line) is not None]
        return self.grouped(known, lambda line: (self.customer(line),))

    def sales_by_period(self):
        customers = defaultdict(list)
        for (period, buyers, _), sold in self.by_customer().items():
            customers[period, buyers].append(len(sold.orders))
        found = {}
        for key, sold in self.grouped(self.sales, lambda _: ()).items():
            counts = customers.get(key, [])
            again = sum(count > 1 for count in counts)
            found[key] = {
                **sold.measures(self.has_money),
                "customer_count": len(counts),
                "repeat_customer_count": again,
                "repeat_customer_share": again / len(counts) if counts else 0.0,
            }
        return found

    def _products(self, lines, *, periods=True):
        return self.grouped(lines, lambda line: (line["product_id"],), periods=periods)

    def top_products(self, rows):
        every = {key: sold.lines for key, sold in self._products(self.every).items()}
        totals = self.grouped(self.goods, lambda _: ())
        found = {}
        for key, sold in self._products(self.goods).items():
            total = totals[key[:2]]
            found[key] = {
                **sold.measures(self.has_money),
                "all_line_count": every[key],
                "line_share": sold.lines / total.lines,
                "spend_share": self._share(sold.spend, total.spend),
                "description": self.products[key[2]]["description"],
            }
        return self._ranked(
            found,
            2,
            {"rank_by_lines": "line_count", "rank_by_units": "unit_count", "rank_by_spend": "gross_spend"},
            rows,
        )

    def _share(self, part, whole):
        if not self.has_money:
            return None
        return float(part) / float(whole) if whole else 0.0

    def _ranked(self, found, slice_width, ranks, rows):
        """The rows that are among the first by any rank, with their ranks."""
        groups = defaultdict(list)
        for key in found:
            groups[key[:slice_width]].append(key)
        kept = {}
        for keys in groups.values():
            for rank, measure in ranks.items():
                if measure == "gross_spend" and not self.has_money:
                    for key in keys:
                        found[key][rank] = None
                    continue
                for place, key in enumerate(sorted(keys, key=lambda k: (-found[k][measure], k)), start=1):
                    found[key][rank] = place
            for key in keys:
                if any(found[key][rank] is not None and found[key][rank] <= rows for rank in ranks):
                    kept[key] = found[key]
        return kept

    def top_customers(self, rows):
        cells = {key: sold for key, sold in self.by_customer().items() if key[1] != "everyone"}
        totals = defaultdict(lambda: [0, Decimal(0)])
        for key, sold in cells.items():
            totals[key[:2]][0] += sold.lines
            totals[key[:2]][1] += sold.spend
        found = {
            key: {
                **sold.measures(self.has_money),
                "line_share": sold.lines / totals[key[:2]][0],
                "spend_share": self._share(sold.spend, totals[key[:2]][1]),
            }
            for key, sold in cells.items()
        }
        return self._ranked(found, 2, {"rank_by_lines": "line_count", "rank_by_spend": "gross_spend"}, rows)

    def _customer_products(self):
        known = [line for line in self.goods if self.customer(line) is not None]
        cells = self.grouped(known, lambda line: (self.customer(line), line["product_id"]), periods=False)
        return {key: sold for key, sold in cells.items() if key[0] != "everyone"}

    def repeat_purchases(self, rows):
        found = {
            key: {**sold.measures(self.has_money), "description": self.products[key[2]]["description"]}
            for key, sold in self._customer_products().items()
            if len(sold.orders) > 1
        }
        return self._ranked(found, 1, {"rank_by_lines": "line_count", "rank_by_orders": "order_count"}, rows)

    def repeat_products(self, rows):
        by_product = defaultdict(list)
        for (buyers, _, product), sold in self._customer_products().items():
            by_product[buyers, product].append(len(sold.orders))
        found = {
            key: {
                "customer_count": len(counts),
                "repeat_customer_count": sum(count > 1 for count in counts),
                "repeat_customer_share": sum(count > 1 for count in counts) / len(counts),
                "order_count": sum(counts),
                "repeat_order_count": sum(counts) - len(counts),
                "description": self.products[key[1]]["description"],
            }
            for key, counts in by_product.items()
            if max(counts) > 1
        }
        return self._ranked(found, 1, {"rank_by_repeat_customers": "repeat_customer_count"}, rows)

    def by_dimension(self, lines, value, ranks, rows):
        """Cells by one more value, with shares; `value` gives (kind, name)."""
        totals = defaultdict(lambda: [0, Decimal(0)])
        cells = self.grouped(lines, value)
        for key, sold in cells.items():
            totals[key[:3]][0] += sold.lines
            totals[key[:3]][1] += sold.spend
        found = {
            key: {
                **sold.measures(self.has_money),
                "line_share": sold.lines / totals[key[:3]][0],
                "spend_share": self._share(sold.spend, totals[key[:3]][1]),
            }
            for key, sold in cells.items()
        }
        return self._ranked(found, 3, ranks, rows) if ranks else found

    def product_parts_of_day(self, rows):
        cells = self.grouped(self.goods, lambda line: (line["product_id"], line["part_of_day"]), periods=False)
        totals = Counter()
        for (buyers, product, _), sold in cells.items():
            totals[buyers, product] += sold.lines
        places = {}
        for buyers in {key[0] for key in totals}:
            mine = sorted((key for key in totals if key[0] == buyers), key=lambda key: (-totals[key], key))
            places |= {key: place for place, key in enumerate(mine, start=1)}
        found = {
            key: {
                **sold.measures(self.has_money),
                "product_share": sold.lines / totals[key[:2]],
                "product_rank": places[key[:2]],
                "description": self.products[key[1]]["description"],
            }
            for key, sold in cells.items()
        }
        ranked = self._ranked(dict(found), 1, {"rank_by_lines": "line_count"}, 10**9)
        return {k: v for k, v in ranked.items() if v["rank_by_lines"] <= rows or v["product_rank"] <= rows}

    def place_products(self, value, rows):
        cells = self.grouped(self.goods, lambda line: (*value(line), line["product_id"]), periods=False)
        found = {
            key: {**sold.measures(self.has_money), "description": self.products[key[3]]["description"]}
            for key, sold in cells.items()
        }
        return self._ranked(found, 2, {"rank_by_lines": "line_count"}, rows)

    def basket_pairs(self, fewest, rows):
        baskets = defaultdict(lambda: defaultdict(set))
        for line in self.goods:
            for buyers in self.buyers(line):
                baskets[buyers][line["order_id"]].add(line["product_id"])
        found = {}
        for buyers, orders in baskets.items():
            singles = Counter(product for products in orders.values() for product in products)
            pairs = Counter(pair for products in orders.values() for pair in combinations(sorted(products), 2))
            for (a, b), count in pairs.items():
                if count < fewest:
                    continue
                size = len(orders)
                found[buyers, a, b] = {
                    "order_count": count,
                    "order_count_a": singles[a],
                    "order_count_b": singles[b],
                    "basket_count": size,
                    "support": count / size,
                    "confidence_a_to_b": count / singles[a],
                    "confidence_b_to_a": count / singles[b],
                    "lift": count / size / ((singles[a] / size) * (singles[b] / size)),
                    "description_a": self.products[a]["description"],
                    "description_b": self.products[b]["description"],
                }
        return self._ranked(found, 1, {"rank_by_orders": "order_count"}, rows)

    def spend_concentration(self):
        people = defaultdict(list)
        for (period, buyers, customer), sold in self.by_customer().items():
            if buyers != "everyone":
                people[period, buyers].append((-(sold.spend if self.has_money else Decimal(sold.lines)), customer))
        found = {}
        for key, amounts in people.items():
            amounts.sort()
            count, total, so_far, start = len(amounts), -sum(a for a, _ in amounts), Decimal(0), 0
            for tenth in range(1, min(10, count) + 1):
                size = count // 10 + (tenth <= count % 10)
                part = [-a for a, _ in amounts[start : start + size]]
                start += size
                so_far += sum(part)
                found[(*key, tenth)] = {
                    "measure": "gross_spend" if self.has_money else "line_count",
                    "customer_count": size,
                    "amount": sum(part),
                    "share": float(sum(part)) / float(total) if total else 0.0,
                    "cumulative_share": float(so_far) / float(total) if total else 0.0,
                    "least_amount": min(part),
                }
        return found

    def cohort_retention(self):
        def number(day):
            return day.year * 12 + day.month - 1

        known = [line for line in self.sales if self.customer(line) is not None]
        first = {}
        for line in known:
            customer, at = self.customer(line), number(self.day(line))
            first[customer] = min(first.get(customer, at), at)
        cells, people, sizes = defaultdict(Sold), defaultdict(set), defaultdict(set)
        for line in known:
            customer = self.customer(line)
            for buyers in self.buyers(line) - {"everyone"}:
                key = (buyers, first[customer], number(self.day(line)) - first[customer])
                cells[key] += line
                people[key].add(customer)
                sizes[key[:2]].add(customer)
        last_whole = number(self.last_day) - (0 if _ends_month(self.last_day) else 1)
        return {
            (buyers, date(cohort // 12, cohort % 12 + 1, 1), since): {
                **sold.measures(self.has_money),
                "customer_count": len(sizes[buyers, cohort]),
                "active_customer_count": len(people[buyers, cohort, since]),
                "retention": len(people[buyers, cohort, since]) / len(sizes[buyers, cohort]),
                "is_whole": cohort + since <= last_whole,
            }
            for (buyers, cohort, since), sold in cells.items()
        }


def _ends_month(day):
    from datetime import timedelta

    return (day + timedelta(days=1)).day == 1
