"""Writes the generated shop: daily drops of purchases, two deliveries each of products and customers, and the planted truth.

Here: `generate`, what it promises and the files. Who buys is decided in `generate/plan.py`, what goes wrong in `generate/quirks.py`,
what is sold in `generate/catalogue.py`; the purchase lines are drawn in `generate/lines.py`.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.generate.catalogue import csv_cell, make_catalogue, pounds
from sahara_assets.generate.lines import HEADER, Lines, client_id, customer_number
from sahara_assets.generate.plan import COUNTRIES, SEGMENTS, make_calendar, make_customers
from sahara_assets.generate.quirks import QuirkCounts, plan_quirks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from sahara_assets.generate.catalogue import Catalogue
    from sahara_assets.generate.lines import Tally
    from sahara_assets.generate.plan import Calendar, Customers

LEAST_ROWS = 1_000
LEAST_DAYS = 180
MOST_DAYS = 3_650
MOST_DAYS_PER_DROP = 31
TIME_ZONE = "Europe/London"
_DATASETS = ("purchases", "products", "customers")


@dataclass(frozen=True)
class Generated:
    """What `generate` wrote. Everything else that was planted stands in the file `quirks`."""

    folder: Path
    drops: int
    """Files of purchases."""
    rows: int
    """Records in them, headers left out: exactly the rows asked for."""
    bad_rows: int
    """Of these, the ones no loader can type."""
    customers: int
    """Customers with a sale: the rows of `truth`."""
    orders: int
    """Distinct order ids of good rows, whatever the document."""
    truth: Path
    """CSV of `customer_id,planted_segment`."""
    quirks: Path
    """JSON: exact counts of all that was planted."""


def generate(
    folder: Path,
    *,
    rows: int = 60_000,
    seed: int = 20,
    start: date = date(2025, 1, 1),
    days: int = 365,
    days_per_drop: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Generated:
    """Write a plausible gift shop below `folder`, with five planted kinds of customer and known quirks.

    The files are `purchases/purchases_YYYY-MM-DD.csv` (one a trading day, or one for every `days_per_drop` days, named by its last
    trading day), `products/products_….csv` and `customers/customers_….csv` (two deliveries each, the newer wins) and, outside the
    drops, `truth/`. Times are local to London. The same arguments give the same bytes and modification times (the end of the
    drop's day, UTC). A file appears under its name only when it is whole. Memory holds one drop's lines and,
    while planning, about eighty bytes an order.

    Args:
        folder: created where missing; files of an earlier run with the same dates are overwritten.
        rows: records in the purchases files, bad and repeated ones included. Fewer rows mean fewer customers, not other ones.
        seed: any number from 0 on.
        start: the first day watched.
        days: calendar days watched; customers stretch over them, so that the planted kinds stay what they are.
        days_per_drop: calendar days that one purchases file covers.
        progress: called with rows written and rows in all after each purchases file.

    Raises:
        ValueError: an argument is outside its bounds.
        FileExistsError: `folder` holds purchases, products or customers files that this run would not overwrite.
    """
    _check(rows=rows, seed=seed, days=days, days_per_drop=days_per_drop)
    rng = np.random.default_rng([seed, 1])
    counts = QuirkCounts.of(rows)
    catalogue = make_catalogue(rng)
    calendar = make_calendar(start, days, days_per_drop, rng)
    customers, orders = make_customers(rows - counts.extra_rows, calendar, rng)
    quirks = plan_quirks(counts, calendar, customers, orders, rng)
    second_products = int(calendar.at_or_before(np.array([days * 55 // 100], dtype=np.int64))[0])
    lines = Lines(seed, calendar, catalogue, customers, orders, quirks, second_products)

    purchases = {drop: f"purchases_{calendar.day(lines.last_day(drop)).isoformat()}.csv" for drop in lines.drops}
    product_days = (int(calendar.open_days()[0]), second_products)
    customer_days = (
        int(calendar.at_or_before(np.array([days // 2], dtype=np.int64))[0]),
        lines.last_day(lines.drops[-1]),
    )
    planned = [f"purchases/{name}" for name in purchases.values()]
    planned += [f"products/products_{calendar.day(day).isoformat()}.csv" for day in product_days]
    planned += [f"customers/customers_{calendar.day(day).isoformat()}.csv" for day in customer_days]
    _refuse_strangers(folder, set(planned))

    for second, day in enumerate(product_days):
        _write_products(folder, catalogue, calendar.day(day), second=bool(second))
    moved = _write_customers(folder, customers, calendar, customer_days)
    for drop, name in purchases.items():
        text = lines.drop(drop, name)
        _write(folder / "purchases" / name, [HEADER, *text], calendar.day(lines.last_day(drop)))
        if progress is not None:
            progress(lines.tally.rows, rows)

    truth, end = folder / "truth", calendar.day(customer_days[1])
    planted = [
        (customer_number(who), SEGMENTS[kind].name) for who, kind in enumerate(customers.segment.tolist()) if kind >= 0
    ]
    _write(
        truth / "planted_segments.csv",
        ["customer_id,planted_segment\n", *(f"{number},{name}\n" for number, name in planted)],
        end,
    )
    _write(
        truth / "planted_bad_rows.csv",
        ["drop,line,reason\n", *(f"{name},{line},{reason}\n" for name, line, reason in lines.tally.bad_places)],
        end,
    )
    account = {
        "made_with": {
            "rows": rows, "seed": seed, "start": start.isoformat(), "days": days, "days_per_drop": days_per_drop,
            "time_zone": TIME_ZONE,
        },
        "purchases": _account_of_lines(lines.tally, len(purchases)),
        "products": _account_of_products(catalogue),
        "customers": _account_of_customers(customers, moved),
    }  # fmt: skip
    _write(truth / "planted_quirks.json", [json.dumps(account, indent=2, ensure_ascii=False), "\n"], end)
    return Generated(
        folder=folder,
        drops=len(purchases),
        rows=lines.tally.rows,
        bad_rows=sum(lines.tally.bad_rows.values()),
        customers=len(planted),
        orders=lines.tally.orders,
        truth=truth / "planted_segments.csv",
        quirks=truth / "planted_quirks.json",
    )


def _check(*, rows: int, seed: int, days: int, days_per_drop: int) -> None:
    for name, value, least, most in (
        ("rows", rows, LEAST_ROWS, None),
        ("seed", seed, 0, None),
        ("days", days, LEAST_DAYS, MOST_DAYS),
        ("days_per_drop", days_per_drop, 1, MOST_DAYS_PER_DROP),
    ):
        if value < least or (most is not None and value > most):
            bounds = f"at least {least:,}" if most is None else f"between {least:,} and {most:,}"
            raise ValueError(f"{name} must be {bounds}, not {value:,}")


def _refuse_strangers(folder: Path, planned: set[str]) -> None:
    for dataset in _DATASETS:
        for path in sorted((folder / dataset).glob(f"{dataset}_*.csv")):
            if f"{dataset}/{path.name}" not in planned:
                raise FileExistsError(
                    f"{path} is there already and is no part of this run, so a loader would mix two shops: "
                    "choose an empty folder, or remove the old drops first"
                )


def _write(path: Path, pieces: Iterable[str], day: date) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes("".join(pieces).encode())
    # A clock would make two equal runs differ; the end of the day is when a shop's export lands.
    landed = datetime.combine(day, time(23, 59, 59), tzinfo=UTC).timestamp()
    os.utime(part, (landed, landed))
    part.replace(path)


def _write_products(folder: Path, catalogue: Catalogue, day: date, *, second: bool) -> None:
    rows = (
        f"{csv_cell(p.product_id)},{csv_cell(p.description)},{csv_cell(p.category)},{pounds(p.unit_price_pence)}\n"
        for p in catalogue.delivery(second=second)
    )
    header = "product_id,description,category,list_price\n"
    _write(folder / "products" / f"products_{day.isoformat()}.csv", [header, *rows], day)


def _write_customers(folder: Path, customers: Customers, calendar: Calendar, days: tuple[int, int]) -> int:
    """Write both deliveries and return how many customers of the first have another country in the second."""
    moved = 0
    for second, day in enumerate(days):
        rows = ["customer_id,country,client_id,signed_up_on\n"]
        for who in np.flatnonzero(customers.signed_up <= day).tolist():
            country = int(customers.country[who])
            if second and customers.moves[who] and customers.signed_up[who] <= days[0]:
                country = (country + 1) % len(COUNTRIES)
                moved += 1
            signed_up = calendar.day(int(customers.signed_up[who])).isoformat()
            rows.append(f"{customer_number(who)},{COUNTRIES[country][0]},{client_id(who, customers)},{signed_up}\n")
        on = calendar.day(day)
        _write(folder / "customers" / f"customers_{on.isoformat()}.csv", rows, on)
    return moved


def _account_of_lines(tally: Tally, drops: int) -> dict[str, object]:
    bad = sum(tally.bad_rows.values())
    return {
        "drops": drops,
        "rows": tally.rows,
        "bad_rows": bad,
        "bad_rows_by_reason": tally.bad_rows,
        "good_rows": tally.rows - bad,
        "lines": sum(tally.lines.values()),
        "lines_by_kind": tally.lines,
        "orders": tally.orders,
        **tally.quirks,
        "net_value": pounds(tally.net_pence),
        "known_sales": {
            "orders": tally.known_sale_orders,
            "lines": tally.known_sale_lines,
            "value": pounds(tally.known_sale_pence),
            "lines_without_fees": tally.known_sale_lines_without_fees,
            "value_without_fees": pounds(tally.known_sale_pence_without_fees),
        },
    }


def _account_of_products(catalogue: Catalogue) -> dict[str, object]:
    return {
        "first_delivery": len(catalogue.delivery(second=False)),
        "second_delivery": len(catalogue.delivery(second=True)),
        "changed_by_second": len(catalogue.changed_slots),
        "replaced_by_second": len(catalogue.replaced_slots),
        "sold_but_in_no_delivery": len(catalogue.uncatalogued_slots),
    }


def _account_of_customers(customers: Customers, moved: int) -> dict[str, object]:
    bought = np.flatnonzero(customers.segment >= 0)
    owner = customers.client_id_of
    return {
        "with_a_sale": int(bought.size),
        "by_planted_segment": {
            segment.name: int(np.count_nonzero(customers.segment == nth)) for nth, segment in enumerate(SEGMENTS)
        },
        "with_cancellations_only": int(customers.cancels_only.size),
        "without_any_purchase": int(np.count_nonzero(customers.segment < 0)) - int(customers.cancels_only.size),
        "without_client_id": int(np.count_nonzero(~customers.has_client_id)),
        "sharing_the_client_id_of_another": int(np.count_nonzero(owner != np.arange(owner.size))),
        "moved_by_second": moved,
    }
