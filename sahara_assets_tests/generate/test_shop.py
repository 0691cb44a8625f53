"""The generated shop holds exactly what its account says, byte for byte the same each time."""

from __future__ import annotations

import csv
import datetime as dt
import json
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sahara_assets.generate.shop import Generated, generate
from sahara_assets_tests.generate.independent_reading import FEES, Reading, planted_segments, read_purchases

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Generated:
    return generate(tmp_path_factory.mktemp("shop"), rows=20_000)


@pytest.fixture(scope="module")
def reading(shop: Generated) -> Reading:
    return read_purchases(shop.folder)


def account(made: Generated) -> dict[str, dict]:
    return json.loads(made.quirks.read_text(encoding="utf-8"))


def every_file(folder: Path) -> dict[str, tuple[bytes, float]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_the_same_arguments_give_the_same_bytes_and_times_of_every_file(shop: Generated, tmp_path: Path) -> None:
    generate(tmp_path, rows=20_000)
    assert every_file(tmp_path) == every_file(shop.folder)


def test_a_second_run_into_the_same_folder_leaves_the_same_files(tmp_path: Path) -> None:
    generate(tmp_path, rows=2_000, days=180)
    before = every_file(tmp_path)
    generate(tmp_path, rows=2_000, days=180)
    assert every_file(tmp_path) == before


def test_another_seed_gives_another_shop(tmp_path: Path) -> None:
    one = generate(tmp_path / "one", rows=1_000, seed=1, days=180)
    two = generate(tmp_path / "two", rows=1_000, seed=2, days=180)
    assert one.truth.read_bytes() != two.truth.read_bytes()


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.integers(1_000, 6_000),
    seed=st.integers(0, 2**40),
    days=st.integers(180, 500),
    days_per_drop=st.sampled_from([1, 7, 10]),
    start=st.dates(dt.date(1999, 1, 1), dt.date(2040, 1, 1)),
)
def test_an_independent_reading_finds_exactly_what_the_account_says(
    rows: int, seed: int, days: int, days_per_drop: int, start: dt.date
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = generate(Path(folder), rows=rows, seed=seed, days=days, days_per_drop=days_per_drop, start=start)
        assert made.rows == rows
        compare(made, read_purchases(made.folder))


def test_an_independent_reading_finds_exactly_what_the_account_of_a_larger_run_says(
    shop: Generated, reading: Reading
) -> None:
    compare(shop, reading)


def compare(made: Generated, found: Reading) -> None:
    said = account(made)["purchases"]
    sales = found.sales()
    without_fees = [line for line in sales if line.product_id not in FEES]
    orders_of: Counter[str] = Counter()
    for line in found.lines:
        orders_of[line.order_id] += line.kind == "sale"
    returns = [line for line in found.lines if line.kind == "return"]
    assert said == {
        "drops": found.drops,
        "rows": found.rows,
        "bad_rows": len(found.bad),
        "bad_rows_by_reason": dict(Counter(reason for _, _, reason in found.bad)),
        "good_rows": found.rows - len(found.bad),
        "lines": len(found.lines),
        "lines_by_kind": found.kinds(),
        "orders": len(orders_of),
        "anonymous_lines": sum(not line.customer_id for line in found.lines),
        "fee_lines": sum(line.product_id in FEES for line in found.lines),
        "repeat_lines": found.repeats,
        "late_lines": found.late,
        "overlap_lines": found.overlaps,
        "write_off_lines": sum(line.kind == "adjustment" and line.quantity < 0 for line in found.lines),
        "bad_debt_lines": sum(line.order_id.startswith("A") for line in found.lines),
        "return_lines_of_their_own_order": sum(orders_of[line.order_id] == 0 for line in returns),
        "return_lines_within_the_order": sum(orders_of[line.order_id] > 0 for line in returns),
        "net_value": str(sum((line.value for line in found.lines), Decimal(0)).quantize(Decimal("0.01"))),
        "known_sales": {
            "orders": len({line.order_id for line in sales}),
            "lines": len(sales),
            "value": str(sum(line.value for line in sales)),
            "lines_without_fees": len(without_fees),
            "value_without_fees": str(sum(line.value for line in without_fees)),
        },
    }
    assert (made.drops, made.rows, made.bad_rows) == (found.drops, found.rows, len(found.bad))
    assert made.orders == len(orders_of)
    assert made.customers == len({line.customer_id for line in sales})
    assert set(planted_segments(made.truth)) == {line.customer_id for line in sales}
    listed = [
        (row["drop"], int(row["line"]), row["reason"]) for row in table(made.truth.parent / "planted_bad_rows.csv")
    ]
    assert listed == found.bad


def test_every_quirk_is_there_even_in_the_smallest_run(tmp_path: Path) -> None:
    said = account(generate(tmp_path, rows=1_000))["purchases"]
    assert min(said["bad_rows_by_reason"].values()) == 1
    quirks = {name: count for name, count in said.items() if name.endswith(("_lines", "_order"))}
    assert min(quirks.values()) >= 2, quirks
    assert min(said["lines_by_kind"].values()) >= 2


def test_the_account_of_customers_and_products_is_what_their_files_say(shop: Generated, reading: Reading) -> None:
    said = account(shop)
    first, second = (table(path) for path in sorted((shop.folder / "customers").iterdir()))
    planted = planted_segments(shop.truth)
    buyers, callers = set(planted), {line.customer_id for line in reading.lines if line.customer_id}
    client_ids = Counter(row["client_id"] for row in second if row["client_id"])
    country = {row["customer_id"]: row["country"] for row in second}
    assert said["customers"] == {
        "with_a_sale": len(buyers),
        "by_planted_segment": dict(Counter(planted.values())),
        "with_cancellations_only": len(callers - buyers),
        "without_any_purchase": len(second) - len(callers),
        "without_client_id": sum(not row["client_id"] for row in second),
        "sharing_the_client_id_of_another": sum(count - 1 for count in client_ids.values()),
        "moved_by_second": sum(country[row["customer_id"]] != row["country"] for row in first),
    }
    assert len(country) == len(second)
    old, new = (
        {row["product_id"]: tuple(row.values()) for row in table(path)}
        for path in sorted((shop.folder / "products").iterdir())
    )
    sold = {line.product_id for line in reading.lines if line.kind == "sale"} - FEES
    assert said["products"]["first_delivery"] == len(old)
    assert said["products"]["second_delivery"] == len(new)
    assert said["products"]["changed_by_second"] == sum(code in new and new[code] != row for code, row in old.items())
    assert said["products"]["replaced_by_second"] == len(new.keys() - old.keys()) == len(old.keys() - new.keys())
    assert said["products"]["sold_but_in_no_delivery"] == len(sold - old.keys() - new.keys())


def test_a_line_costs_what_the_catalogue_of_its_day_says_or_a_tenth_less_from_a_dozen_on(
    shop: Generated, reading: Reading
) -> None:
    deliveries = [
        (dt.date.fromisoformat(path.stem.removeprefix("products_")), {row["product_id"]: row for row in table(path)})
        for path in sorted((shop.folder / "products").iterdir())
    ]
    checked = 0
    for line in reading.lines:
        offer = deliveries[line.ordered_at.date() >= deliveries[1][0]][1].get(line.product_id)
        if line.kind != "sale" or offer is None:
            continue
        price = Decimal(offer["list_price"])
        if line.quantity >= 12:
            price = (price * 9 / 10).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert (line.unit_price, line.description) == (price, offer["description"])
        checked += 1
    assert checked > 18_000


def test_what_comes_back_was_bought_before_by_the_same_customer_at_the_same_price(reading: Reading) -> None:
    bought: defaultdict[tuple[str, str], list] = defaultdict(list)
    for line in reading.lines:
        if line.kind == "sale":
            bought[line.customer_id, line.product_id].append(line)
    before_the_first_day = 0
    for line in reading.lines:
        if line.kind not in {"return", "cancellation"}:
            continue
        if line.order_id.startswith("C") and int(line.order_id[1:]) <= 500_000:
            before_the_first_day += 1
            continue
        earlier = [
            sale
            for sale in bought[line.customer_id, line.product_id]
            if sale.ordered_at.date() < line.ordered_at.date() and sale.unit_price == line.unit_price
        ]
        if line.kind == "cancellation":
            earlier = [
                sale for sale in earlier if line.order_id == f"C{sale.order_id}" and sale.quantity == -line.quantity
            ]
        assert earlier, line
    assert before_the_first_day == 2


def test_the_shop_is_closed_on_sundays_and_at_christmas_and_busiest_before_it(reading: Reading) -> None:
    days = Counter(line.ordered_at.date() for line in reading.lines)
    assert not [day for day in days if day.weekday() == 6]
    assert dt.date(2025, 12, 25) not in days
    months = Counter(day.month for day in days.elements())
    assert [month for month, _ in months.most_common(2)] == [11, 12]


def test_a_drop_is_dated_by_its_day_and_lands_at_the_end_of_it(shop: Generated) -> None:
    for path in sorted(shop.folder.glob("*/*_????-??-??.csv")):
        day = dt.datetime.fromisoformat(path.stem.rpartition("_")[2] + "T23:59:59+00:00")
        assert path.stat().st_mtime == day.timestamp()


def test_descriptions_hold_commas_quotes_other_alphabets_and_what_looks_like_a_formula(reading: Reading) -> None:
    seen = {line.description for line in reading.lines}
    assert {
        'Sign "Home, sweet home"',
        "Smörgåsbord platter, oak",
        "茶 tea caddy",
        "=1+1 maths mug",
        "@home doormat",
    } <= seen


def test_codes_that_differ_by_case_or_a_leading_zero_are_sold_as_different_products(reading: Reading) -> None:
    described = {line.product_id: line.description for line in reading.lines if line.kind == "sale"}
    assert described["18841B"] != described["18841b"]
    assert "00417" in described
    assert "417" not in described


def test_nothing_looks_like_personal_data_or_holds_a_nul(shop: Generated) -> None:
    for path in shop.folder.rglob("*.csv"):
        content = path.read_bytes()
        assert b"\0" not in content
        assert b"@" not in content.replace(b"@home doormat", b"")


def test_no_half_written_file_is_left(shop: Generated) -> None:
    assert not [path for path in shop.folder.rglob("*") if path.is_file() and path.suffix not in {".csv", ".json"}]


def test_drops_of_another_run_are_not_mixed_with_this_one(tmp_path: Path) -> None:
    generate(tmp_path, rows=1_000, days=180)
    before = every_file(tmp_path)
    with pytest.raises(FileExistsError, match=r"purchases_2025-.*choose an empty folder"):
        generate(tmp_path, rows=1_000, days=180, start=dt.date(2024, 1, 1))
    assert every_file(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rows": 999}, "rows must be at least 1,000, not 999"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"days": 179}, "days must be between 180 and 3,650, not 179"),
        ({"days_per_drop": 0}, "days_per_drop must be between 1 and 31, not 0"),
    ],
)
def test_an_argument_out_of_bounds_is_named_with_its_bounds(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate(tmp_path, **arguments)
    assert not list(tmp_path.iterdir())


def test_progress_counts_up_to_all_rows(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    hear: Callable[[int, int], None] = lambda done, rows: heard.append((done, rows))  # noqa: E731
    made = generate(tmp_path, rows=1_000, days=180, days_per_drop=7, progress=hear)
    assert len(heard) == made.drops
    assert heard == sorted(heard)
    assert heard[-1] == (1_000, 1_000)


_PEAK = """
import pathlib, sys
from sahara_assets.generate.shop import generate
generate(pathlib.Path(sys.argv[1]), rows=int(sys.argv[2]))
status = pathlib.Path("/proc/self/status").read_text()
print(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")))
"""


@pytest.mark.long
def test_four_times_the_rows_take_hardly_more_memory(tmp_path: Path, long_count: Callable[[str, str], None]) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc, which this system lacks")

    # Not getrusage: a child's ru_maxrss starts from that of the process that started it.
    def peak_megabytes(rows: int) -> float:
        command = [sys.executable, "-c", _PEAK, str(tmp_path / str(rows)), str(rows)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) / 1024

    # The further 750,000 rows are 75 MB of text.
    small, large = peak_megabytes(250_000), peak_megabytes(1_000_000)
    assert large - small < 25
    long_count("Peak memory of `sahara generate`", f"{small:.0f} MB for 250,000 rows, {large:.0f} MB for 1,000,000")
