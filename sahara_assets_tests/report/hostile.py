"""A report as bad as data can make it: injected markup everywhere, endless names, absurd numbers, fifteen segments."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sahara_assets.report.page import Check, ReportData
from sahara_assets_tests.report.sample import drop, profile, reject, report_data, sweep, trading_days

MARKUP = "<script>alert(1)</script>\"'><img src=http://evil.example/x onerror=alert(2)>{{ 7 * 7 }}</style></svg>"
LONG = "Extraordinarilylongsegmentnamewithoutanyspaceswhatsoever" * 2 + " und Käuferinnen 日本語の顧客 مرحبا"
NAMES = (MARKUP, LONG, "Käuferinnen & Käufer", "忠実な顧客", "عملاء مخلصون", "\u202eright to left", "\x00\ud800")


def hostile_report() -> ReportData:
    """Everything at once."""
    segments = [
        profile(
            n + 1,
            segment_name=NAMES[n] if n < len(NAMES) else f"Lapsed spenders of the {n}th kind",
            tier=("Platinum", "Gold", "Silver", MARKUP)[n // 4],
            customer_count=10**n,
            gross_spend=Decimal("-1234567890123.5") if n == 2 else Decimal("1e17"),
            spend_share=-0.02 if n == 2 else 0.07,
            mean_gross_spend=(-5.0, 1e12, 3, float("nan"))[n % 4],
            median_recency_days=10.0 * n,
            description=MARKUP,
            action=LONG,
        )
        for n in range(15)
    ]
    segments[3]["differences"] = "no JSON"
    segments[4]["differences"] = f'[{{"feature": "x", "label": {MARKUP!r}, "z": 3}}, 7, null]'
    segments[5]["differences"] = [
        {"feature": MARKUP, "label": LONG, "unit": MARKUP, "z": -9, "segment_median": 1e16, "everyone_median": 2e16}
    ]
    return report_data(
        project_name=LONG + MARKUP,
        currency="<b>",
        time_zone=MARKUP,
        segment_profiles=segments,
        k_sweep=[{**row, "verdict": MARKUP} for row in sweep(2, 40, 15)],
        segment_changes=[
            {"version": 2, "k": 15, "position": 1, "change": MARKUP, "segment": 1, "old_name": MARKUP, "new_name": LONG, "centroid_shift": None,
             "customers_stayed": None, "customers_joined": None, "customers_left": None},
        ],
        top_categories=[{"rank": 1, "category": MARKUP + LONG, "gross_spend": Decimal("1e20"), "spend_share": 0.9}],
        drops=[
            *trading_days(3000, date(2004, 1, 1)),
            drop(date(2005, 1, 1), 10**12, 10**12, path=f"../{MARKUP}{LONG}", status="rejected", reason=MARKUP * 5, drop_id="e"),
        ],
        reject_summary=[{"dataset": MARKUP, "column_name": MARKUP, "reason": f"{MARKUP}{n} {LONG}", "row_count": 10**n} for n in range(14)],
        reject_examples=[reject(f"{MARKUP}13 {LONG}", 5, MARKUP * 20 + "\x00\ud800\u202e", MARKUP)],
        step_counts=[{"table_name": LONG, "position": 0, "reason": MARKUP, "row_count": 5}],
        audience_files=[{"file_name": "javascript:alert(1)", "format": MARKUP, "row_count": 10**12, "sha256": MARKUP, "left_out": 0}],
        export_folder=MARKUP + LONG,
        choice_reason=MARKUP,
        trace=[MARKUP, LONG],
        checks=[Check(MARKUP, False, "warn", MARKUP + LONG), Check(LONG, True, "error", MARKUP)],
    )  # fmt: skip
