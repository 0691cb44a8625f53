"""A report's rows as a gift shop would have them, with Online Retail's totals; the numbers per segment are made up to fit.

Builders only: `report_data()` for a full report, `profile()`, `drop()` and the like for odd ones.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sahara_assets.report.page import Check, ReportData

CUSTOMERS = 4338
SPEND = Decimal("8911407.9040")
# feature: label, unit, median of all customers
EVERYONE = {
    "recency_days": ("days since last order", "days", 51.0),
    "order_count": ("orders", "orders", 2.0),
    "gross_spend": ("spend", "money", 674.48),
    "net_spend": ("spend after returns", "money", 648.08),
    "distinct_products": ("different products bought", "products", 35.0),
    "average_order_value": ("average order value", "money", 293.9),
    "mean_days_between_orders": ("days between orders", "days", 64.3),
}

_SEGMENTS = (
    # name, tier, customers, share of spend, mean orders, action, {feature: (median, z)}
    ("Loyal big spenders", "Platinum", 618, 0.6412, 14.2,
     "Look after them in person: early access, loyalty perks and a thank-you, and no discounts they do not need.",
     {"gross_spend": (4210.5, 1.71), "order_count": (10.0, 1.69), "net_spend": (4098.1, 1.66), "distinct_products": (119.0, 1.18),
      "recency_days": (9.0, -1.12), "mean_days_between_orders": (32.1, -0.61)}),
    ("Regular buyers", "Gold", 1021, 0.2018, 4.9,
     "Reward the habit: points or perks for regular orders, and cross-sell into categories they do not buy yet.",
     {"order_count": (4.0, 0.61), "gross_spend": (1390.2, 0.55), "net_spend": (1350.0, 0.54), "distinct_products": (61.0, 0.47),
      "recency_days": (28.0, -0.31), "average_order_value": (312.4, 0.11)}),
    ("Lapsed big spenders", "Gold", 487, 0.0836, 3.1,
     "Win them back first: a personal offer on what they used to buy, before any general campaign.",
     {"average_order_value": (486.2, 0.92), "recency_days": (148.0, 0.81), "gross_spend": (1220.0, 0.44), "net_spend": (1190.3, 0.43),
      "distinct_products": (52.0, 0.24), "order_count": (2.0, 0.05)}),
    ("New customers", "Silver", 769, 0.0389, 1.3,
     "Send a welcome series that leads to the second order within the first weeks.",
     {"recency_days": (22.0, -0.69), "order_count": (1.0, -0.77), "gross_spend": (310.2, -0.66), "net_spend": (305.9, -0.65),
      "distinct_products": (21.0, -0.42), "mean_days_between_orders": (18.0, -0.40)}),
    ("Lapsed one-time buyers", "Bronze", 1443, 0.0345, 1.2,
     "Send one low-cost reminder with best-sellers, and leave those who do not answer out of paid campaigns.",
     {"recency_days": (211.0, 1.08), "gross_spend": (228.4, -0.83), "order_count": (1.0, -0.81), "net_spend": (225.3, -0.82),
      "distinct_products": (15.0, -0.64), "average_order_value": (211.7, -0.38)}),
)  # fmt: skip


def profile(number: int, **changes: Any) -> dict[str, Any]:
    """The `number`-th segment's profile, from 1; past the fifth they repeat under other numbers."""
    name, tier, customers, spend_share, orders, action, standings = _SEGMENTS[(number - 1) % len(_SEGMENTS)]
    spend = (SPEND * Decimal(str(spend_share))).quantize(Decimal("0.0001"))
    differences: list[dict[str, Any]] = [
        {"feature": feature, "label": EVERYONE[feature][0], "unit": EVERYONE[feature][1], "z": z,
         "segment_median": median, "everyone_median": EVERYONE[feature][2]}
        for feature, (median, z) in standings.items()
    ]  # fmt: skip
    if number == 3:
        differences.append(
            {
                "feature": "country",
                "label": "country: France",
                "unit": "share",
                "z": 0.21,
                "segment_share": 0.06,
                "everyone_share": 0.02,
            }
        )
    return {
        "segment": number,
        "segment_name": name,
        "tier": tier,
        "customer_count": customers,
        "customer_share": customers / CUSTOMERS,
        "gross_spend": spend,
        "spend_share": spend_share,
        "mean_gross_spend": float(spend) / customers,
        "mean_order_count": orders,
        "median_recency_days": standings["recency_days"][0],
        "outlier_count": 7 if number == 1 else 0,
        "centroid": json.dumps(
            {feature: standings[feature][0] for feature in ("recency_days", "order_count", "gross_spend")}
        ),
        "differences": json.dumps(differences),
        "description": f"{customers / CUSTOMERS:.0%} of customers and {spend_share:.0%} of spend; medians: …",
        "action": action,
        **changes,
    }


def sweep(low: int = 3, high: int = 15, chosen: int = 5) -> list[dict[str, Any]]:
    """A sweep whose quality falls with k, as it does on Online Retail; from k = 12 on a cluster is too small."""
    rows = []
    for k in range(low, high + 1):
        qualified = k < 12 and k != 4
        rows.append(
            {
                "k": k,
                "mean_squared_distance": 3.0 / k**0.75 + 0.12,
                "davies_bouldin_index": 1.05 - 0.018 * k + 0.06 * (k % 3),
                "silhouette": 0.337 - 0.009 * (k - 3) + 0.012 * (k % 2),
                "silhouette_sample_size": CUSTOMERS,
                "calinski_harabasz": 4200.0 - 120 * k,
                "smallest_share": 0.32 / k if k < 12 else 0.006,
                "largest_share": 1.6 / k,
                "stability": 0.58 if k == 4 else 0.97 - 0.013 * k,
                "elbow": 0.02 * (k % 3),
                "wholeness": 0.62 + 0.012 * k,
                "steadiness": 0.4 if k == 4 else 0.93 - 0.03 * k,
                "score": 0.81 - 0.03 * abs(k - chosen) if qualified else None,
                "is_chosen": k == chosen,
                "verdict": (
                    "best score of those that qualify" if k == chosen
                    else "not stable enough: 0.580 is below 0.600" if k == 4
                    else "qualifies, but scores lower" if qualified
                    else "smallest cluster holds 0.6 %, below the minimum of 2 %"
                ),
            }
        )  # fmt: skip
    return rows


def drop(day: date, rows_read: int = 1776, rows_rejected: int = 0, **changes: Any) -> dict[str, Any]:
    """One line of the ledger."""
    return {
        "dataset": "purchases",
        "path": f"purchases/{day.isoformat()}.csv",
        "drop_id": f"{day.toordinal():064x}",
        "status": "loaded",
        "reason": None,
        "rows_read": rows_read,
        "rows_loaded": rows_read - rows_rejected,
        "rows_rejected": rows_rejected,
        "size_bytes": rows_read * 84,
        "modified_at": datetime(day.year, day.month, day.day, 23, 5, tzinfo=UTC),
        "file_date": day,
        "encoding": "utf-8",
        "delimiter": ",",
        "undeclared_columns": "[]",
        "absent_columns": "[]",
        "reading_fingerprint": "0123456789abcdef",
        "signature": "",
        "loaded_at": datetime(2012, 1, 1, tzinfo=UTC),
        "run_id": "8c0f6f6e-0000-4000-8000-000000000000",
        **changes,
    }


def trading_days(count: int = 305, first: date = date(2010, 12, 1)) -> list[dict[str, Any]]:
    """Daily drops without Saturdays, busier towards Christmas, with a few rejected rows and a kept-out file."""
    drops: list[dict[str, Any]] = []
    day = first
    while len(drops) < count:
        if day.weekday() != 5:
            season = 1.0 + 1.1 * max(0.0, (day.timetuple().tm_yday - 240) / 125)
            rows = int((1250 + 37 * (day.toordinal() % 17)) * season)
            drops.append(drop(day, rows, rows_rejected=(day.day % 9 == 0) * (3 + day.month)))
        day += timedelta(days=1)
    return drops


def reject(
    reason: str, line: int, raw_text: str, column_name: str | None = "Quantity", day: date = date(2010, 12, 9)
) -> dict[str, Any]:
    """One rejected row of a day's drop."""
    return {
        "dataset": "purchases",
        "drop_id": f"{day.toordinal():064x}",
        "line": line,
        "column_name": column_name,
        "reason": reason,
        "raw_text": raw_text,
    }


NUMBER = "write a number such as 12.50, at most 14 digits before the ."
MOMENT = "write it as 2011-12-01 08:26:00 (ISO 8601), from 1900 to 2199"


def report_data(**changes: Any) -> ReportData:
    """A full report: five segments, 305 daily drops and some trouble."""
    held = date(2011, 12, 10)
    drops = [
        *trading_days(),
        drop(held, 2104, 2104, status="held", reason="lacks 41.2 % of the lines of the version before; allow it with `sahara drops allow`"),
        drop(date(2011, 12, 11), 988, 988, status="rejected", path="purchases/2011-12-11 (Kopie).csv",
             reason="the header has no column UnitPrice; it holds InvoiceNo, StockCode, Description, Quantity, InvoiceDate, CustomerID, Country"),
        drop(date(2011, 12, 9), 2010, 0, path="purchases/nachlieferung/2011-12-09.csv"),
        drop(date(2011, 6, 1), 900, 0, status="replaced", reason="a newer version of this path came", drop_id="f" * 64),
    ]  # fmt: skip
    values: dict[str, Any] = {
        "project_name": "Copper Lane Gifts",
        "currency": "GBP",
        "time_zone": "Europe/London",
        "cut_off": datetime(2011, 12, 10),
        "model_version": 3,
        "first_ordered_at": datetime(2010, 12, 1, 8, 26, tzinfo=UTC),
        "last_ordered_at": datetime(2011, 12, 9, 12, 50, tzinfo=UTC),
        "choice_reason": (
            "k = 5: the best score (0.810) of the 8 that qualify. It adds up how clearly the groups are apart (silhouette 0.331, "
            "Davies-Bouldin 1.080, elbow 0.040), whether no group is really two (wholeness 0.680) and how much of the weakest group is "
            "found again in half of the rows (steadiness 0.780); ties go to the smaller k."
        ),
        "trace": [f"k = {row['k']}: {row['verdict']} (silhouette {row['silhouette']:.3f})." for row in sweep()],
        "segment_profiles": [profile(number) for number in range(1, 6)],
        "k_sweep": sweep(),
        "segment_changes": [
            {"version": 3, "k": 5, "position": 1, "change": "kept", "segment": 1, "old_name": "Loyal big spenders", "new_name": "Loyal big spenders",
             "centroid_shift": 0.08, "customers_stayed": 580, "customers_joined": 38, "customers_left": 12},
            {"version": 3, "k": 5, "position": 2, "change": "kept", "segment": 2, "old_name": "Frequent buyers", "new_name": "Regular buyers",
             "centroid_shift": 0.31, "customers_stayed": 902, "customers_joined": 119, "customers_left": 204},
            {"version": 3, "k": 5, "position": 3, "change": "new", "segment": 3, "old_name": None, "new_name": "Lapsed big spenders",
             "centroid_shift": None, "customers_stayed": None, "customers_joined": 487, "customers_left": None},
            {"version": 3, "k": 5, "position": 4, "change": "gone", "segment": 9, "old_name": "Bargain hunters", "new_name": None,
             "centroid_shift": None, "customers_stayed": None, "customers_joined": None, "customers_left": 131},
        ],
        "top_categories": [
            {"rank": 1, "category": "Home", "gross_spend": Decimal("3120400.10"), "spend_share": 0.3502},
            {"rank": 2, "category": "Kitchen & Table", "gross_spend": Decimal("2010210.55"), "spend_share": 0.2256},
            {"rank": 3, "category": "Geschenke für Kinder", "gross_spend": Decimal("990110.00"), "spend_share": 0.1111},
        ],
        "drops": drops,
        "reject_summary": [
            {"dataset": "purchases", "column_name": "Quantity", "reason": f"Quantity holds {value!r}; {NUMBER}", "row_count": count}
            for value, count in (("n/a", 120), ("1,7", 48), ("it's", 1))
        ] + [
            {"dataset": "purchases", "column_name": "InvoiceDate", "reason": f"InvoiceDate holds '31/02/2011 10:00'; {MOMENT}", "row_count": 96},
            {"dataset": "purchases", "column_name": None, "reason": "9 fields where the header has 8", "row_count": 11},
        ],
        "reject_examples": [
            reject(f"Quantity holds 'n/a'; {NUMBER}", 118, "536591,21034,REX CASH+CARRY JUMBO SHOPPER,n/a,2010-12-09 16:58:00,0.95,14606.0,United Kingdom"),
            reject(f'Quantity holds "it\'s"; {NUMBER}', 240, "536592,84879,ASSORTED COLOUR BIRD ORNAMENT,it's,2010-12-09 17:06:00,1.69,,United Kingdom"),
            reject("9 fields where the header has 8", 77, '536594,22423,REGENCY "CAKESTAND, 3 TIER,1,2010-12-09 17:20:00,12.75,15235.0,United Kingdom', None),
        ],
        "step_counts": [
            {"table_name": "customers", "position": 0, "reason": "in: purchases", "row_count": 541909},
            {"table_name": "customers", "position": 1, "reason": "anonymous lines", "row_count": 135080},
            {"table_name": "customers", "position": 2, "reason": "further lines of a customer", "row_count": 402457},
            {"table_name": "customers", "position": 3, "reason": "customers of the customer file without lines (added)", "row_count": 12},
            {"table_name": "customers", "position": 4, "reason": "out", "row_count": 4384},
            {"table_name": "purchases", "position": 0, "reason": "in: raw_purchases", "row_count": 541909},
            {"table_name": "purchases", "position": 1, "reason": "the same line in a newer drop that overlaps", "row_count": 0},
            {"table_name": "purchases", "position": 2, "reason": "out", "row_count": 541909},
        ],
        "audience_files": [
            {"file_name": "ga4_user_data.csv", "format": "ga4", "row_count": 4338, "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "left_out": 0},
            {"file_name": "ga360_data_import.csv", "format": "ga360", "row_count": 4102, "sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752", "left_out": 236},
        ],
        "export_folder": "exports",
        "checks": [
            Check("purchases_conserved", True, "error", "541,909 rows read = 541,909 in the table"),
            Check("no_drop_held", False, "error", "1 drop is held: purchases/2011-12-10.csv lacks 41.2 % of the lines of the version before"),
            Check("no_future_lines", False, "warn", "3 lines are dated after their drop was modified"),
            Check("segments_large_enough", True, "warn", "the smallest segment holds 11.2 % of customers"),
        ],
    }  # fmt: skip
    return ReportData(**(values | changes))
