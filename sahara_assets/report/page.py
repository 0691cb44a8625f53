"""The report: one self-contained HTML file for marketers, from plain rows.

Lives here: what the report is told (`ReportData`), what is worked out of it for the template (`report.html`, `report.css`), and the
rendering. Not here: reading the warehouse (the caller does), drawing (`charts.py`, `sweep_chart.py`, `drop_charts.py`), how numbers
are worded (`wording.py`).

The page asks the network for nothing and runs no script but its own, which shows other periods and buyers of the insights: its content
security policy names that script by its hash and forbids everything else, so that a product description that holds a script stays a
product description. It knows no clock: the same rows give the same bytes. For that reason neither load
times nor run ids are printed, which differ between two warehouses that hold the same drops.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING, Any, NamedTuple

from sahara_assets.report import charts
from sahara_assets.report.blocks import Insights
from sahara_assets.report.drop_charts import IN_USE, KEPT_OUT, counted_drops, drop_history, reason_kind, reject_reasons
from sahara_assets.report.insight_section import insight_section
from sahara_assets.report.profiles import differences_of, in_words, shown_features, told_differences
from sahara_assets.report.recommendation_charts import METHOD_NAMES, method_comparison
from sahara_assets.report.sweep_chart import sweep_plot
from sahara_assets.report.templates import Draw, in_every_size, inline, style, template
from sahara_assets.report.wording import number_or_none, share
from sahara_assets.tables.schema import ALL_TABLES

if TYPE_CHECKING:
    from sahara_assets.report.predictions import RepeatBuyers
    from sahara_assets.report.recommendations import ToldRecommendations

Row = Mapping[str, Any]
Rows = Sequence[Row]

LATEST_DROPS = 10
"""How many of the newest drops are listed one by one."""
DROPS_TO_SEE_TO = 20
"""How many rejected and held drops are listed with their reason."""
REASONS_WITH_EXAMPLES = 12
EXAMPLES_PER_REASON = 3
RAW_TEXT_LENGTH = 240


_STEP_ORDER = {table.name: index for index, table in enumerate(ALL_TABLES)}


class Check(NamedTuple):
    """The last result of one check; `severity` is `warn` or `error`."""

    name: str
    passed: bool
    severity: str
    text: str


@dataclass(frozen=True)
class ReportData:
    """Everything the report says, as rows keyed by the columns that `tables/` declares.

    Attributes:
        project_name: the shop's name.
        currency: code of the one currency of all amounts; empty where neither the project nor the lines say one.
        time_zone: the project's time zone, in which `cut_off` stands.
        cut_off: the moment up to which order lines count in every number of a customer or segment.
        model_version: the champion's version; None where there is no model yet.
        trained_as_of: the cut-off that the champion was trained at; earlier than `cut_off` once drops came without a training.
        trained_on: how many customers it was trained on.
        tiers_as_of: the cut-off at which its tiers ranked the segments.
        first_ordered_at, last_ordered_at: the sale lines it was trained on, UTC.
        choice_reason: why this k was chosen, in plain words.
        trace: what was said of every k, a sentence an entry.
        segment_profiles: the table, by segment.
        k_sweep: the table, by k.
        segment_changes: the table; the last change of the highest version is shown.
        top_categories: the table, by rank.
        drops: the whole ledger; the report counts and lists what it needs.
        reject_summary: one row per `dataset`, `column_name`, `reason` with its `row_count`.
        reject_examples: a few rows of `rejected_rows` per reason.
        step_counts: the table, by table and position.
        recommendations: what is said of them; None where nothing is recommended.
        audience_files: the table; `export_folder` says where they are.
        left_out: by format of the files, how many customers are left out for which reason.
        outliers: by segment, a few of the customers who are unlike the rest of it.
        checks: the last result of each check.
        insights: what the sales say; empty before they are counted.
        repeat_buyers: what is said of the model of `[repeat_buyers]`; None where that is off.
        predicted_segments: the sentence on segments predicted from attributes; empty where that is off.
    """

    project_name: str
    currency: str = ""
    time_zone: str = "UTC"
    cut_off: datetime | None = None
    model_version: int | None = None
    trained_as_of: datetime | None = None
    trained_on: int | None = None
    tiers_as_of: datetime | None = None
    first_ordered_at: datetime | None = None
    last_ordered_at: datetime | None = None
    choice_reason: str = ""
    trace: Sequence[str] = ()
    segment_profiles: Rows = ()
    k_sweep: Rows = ()
    segment_changes: Rows = ()
    top_categories: Rows = ()
    drops: Rows = ()
    reject_summary: Rows = ()
    reject_examples: Rows = ()
    step_counts: Rows = ()
    recommendations: ToldRecommendations | None = None
    audience_files: Rows = ()
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    outliers: Mapping[int, Sequence[str]] = field(default_factory=dict)
    export_folder: str = ""
    checks: Sequence[Check] = ()
    insights: Insights = field(default_factory=Insights)
    repeat_buyers: RepeatBuyers | None = None
    predicted_segments: str = ""


def render_report(data: ReportData) -> str:
    """The report as one HTML document, encodable as UTF-8."""
    from markupsafe import Markup

    section, script_hash = insight_section(data.insights, data.currency)
    return template("report.html").render(
        data=data,
        style=Markup(style()),  # noqa: S704 - our own file and palette
        charts={name: inline(sizes) for name, sizes in _drawn(data).items()},
        insights=section,
        script_hash=script_hash,
        **_worked_out(data),
    )


def _drawn(data: ReportData) -> dict[str, dict[str, str]]:
    """Every chart for a wide, a medium and a narrow window: scaled down, a wide chart's text would be too small to read."""
    drawings: dict[str, Draw] = {
        "sizes": lambda width: charts.segment_sizes(data.segment_profiles, width=width),
        "map": lambda width: charts.segment_map(data.segment_profiles, data.currency, width=width),
        "heat": lambda width: charts.profile_heat_map(data.segment_profiles, data.currency, width=width),
        "categories": lambda width: charts.category_shares(data.top_categories, data.currency, width=width),
        "sweep": lambda width: sweep_plot(data.k_sweep, width=width),
        "methods": lambda width: method_comparison(
            data.recommendations.evaluation if data.recommendations else [], width=width
        ),
        "drops": lambda width: drop_history(data.drops, width=width),
        "rejects": lambda width: reject_reasons(data.reject_summary, width=width),
    }
    drawings |= data.repeat_buyers.drawings() if data.repeat_buyers else {}
    return {name: in_every_size(draw) for name, draw in drawings.items()}


def _worked_out(data: ReportData) -> dict[str, Any]:
    """What the template needs beyond the rows themselves."""
    failed = sorted(
        (check for check in data.checks if not check.passed), key=lambda check: (check.severity != "error", check.name)
    )
    return {
        "cards": [_card(row, data) for row in data.segment_profiles],
        "customer_count": sum(int(row["customer_count"]) for row in data.segment_profiles),
        "spend": _exact_sum(row["gross_spend"] for row in data.segment_profiles),
        "has_spend": any(row["gross_spend"] is not None for row in data.segment_profiles),
        "aged": data.trained_as_of not in {None, data.cut_off},
        "ranked_then": data.tiers_as_of if data.tiers_as_of not in {None, data.cut_off} else None,
        "order_changed": next((check.text for check in failed if check.name == "tiers_keep_order"), ""),
        "headline": _headline(data.segment_profiles),
        "heat_has_gaps": _heat_has_gaps(data.segment_profiles),
        "chosen": next((row for row in data.k_sweep if row["is_chosen"]), None),
        "methods": [row for row in data.recommendations.evaluation if row["slice"] == "later"]
        if data.recommendations
        else [],
        "method_names": METHOD_NAMES,
        "ledger": _ledger(data.drops),
        "rejects": _rejects(data),
        "steps": _steps(data.step_counts),
        "changes": _last_change(data.segment_changes, len(data.segment_profiles)),
        "failed": failed,
        "passed": sorted((check for check in data.checks if check.passed), key=lambda check: check.name),
    }


def _headline(profiles: Rows) -> str:
    """The one sentence to remember: who brings most of the spend."""
    known = [row for row in profiles if number_or_none(row["spend_share"]) is not None]
    if len(known) < 2:
        return ""
    best = max(known, key=lambda row: (float(row["spend_share"]), -int(row["segment"])))
    return f"“{best['segment_name']}” are {share(best['customer_share'])} of customers and bring {share(best['spend_share'])} of spend."


def _heat_has_gaps(profiles: Rows) -> bool:
    """Whether some segment has nothing to say in a column of the heat map."""
    tables = [differences_of(row) for row in profiles]
    shown = {difference.feature for difference in shown_features(tables, charts.MOST_FEATURES)}
    return any(shown - {difference.feature for difference in table} for table in tables)


def _card(row: Row, data: ReportData) -> dict[str, Any]:
    """A profile with its largest differences in words and its bars' lengths."""
    return {
        "row": row,
        "differences": [in_words(difference, data.currency) for difference in told_differences(differences_of(row))],
        "bars": [
            {
                "label": label,
                "css": css,
                "share": row[column],
                "length": min(max(number_or_none(row[column]) or 0.0, 0.0), 1.0) * 100,
            }
            for label, css, column in (
                ("of customers", "first", "customer_share"),
                ("of spend", "second", "spend_share"),
            )
            if row[column] is not None
        ],
    }


def _exact_sum(amounts: Iterable[object]) -> Decimal:
    """The sum of amounts of money, whatever precision the process's decimal context has; what is no number counts nothing."""
    with localcontext(Context(prec=60)):
        return sum((Decimal(str(value)) for value in amounts if number_or_none(value) is not None), Decimal(0))


def _total(rows: Sequence[Row], column: str) -> int:
    return sum(int(row[column] or 0) for row in rows)


def _date_of(row: Row) -> date:
    """The date in the file's name, else the day it was modified."""
    for value in (row["file_date"], row["modified_at"]):
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
    return date.min


def _ledger(drops: Rows) -> dict[str, Any]:
    """The ledger per dataset and in all, what needs a person, and the newest drops."""
    counting = counted_drops(drops)
    by_dataset = []
    for dataset in sorted({str(row["dataset"]) for row in drops}):
        rows = [row for row in counting if row["dataset"] == dataset]
        in_use = [row for row in rows if row["status"] in IN_USE]
        every = [row for row in drops if row["dataset"] == dataset]
        by_dataset.append(
            {
                "dataset": dataset,
                "in_use": len(in_use),
                "kept_out": sum(row["status"] in KEPT_OUT for row in rows),
                "superseded": sum(row["status"] in {"replaced", "forgotten"} for row in every),
                "repeats": sum(row["status"] in IN_USE | KEPT_OUT for row in every) - len(rows),
                "rows_read": _total(rows, "rows_read"),
                "rows_loaded": _total(in_use, "rows_loaded"),
                "rows_not_loaded": _total(rows, "rows_rejected"),
                "size_bytes": _total(in_use, "size_bytes"),
            }
        )
    to_see_to = sorted(
        (row for row in counting if row["status"] in KEPT_OUT), key=lambda row: (str(row["dataset"]), str(row["path"]))
    )
    newest = sorted(drops, key=lambda row: (str(row["dataset"]), str(row["path"]), str(row["drop_id"])))
    newest.sort(key=_date_of, reverse=True)
    return {
        "datasets": by_dataset,
        "drop_count": len(counting),
        "version_count": len(drops),
        "rows_read": _total(counting, "rows_read"),
        "rows_loaded": sum(entry["rows_loaded"] for entry in by_dataset),
        # Rejected is a row of a drop in use; the rows of a drop that is kept out are not loaded for another reason.
        "rows_rejected": _total([row for row in counting if row["status"] in IN_USE], "rows_rejected"),
        "rows_kept_out": _total(to_see_to, "rows_read"),
        "to_see_to": to_see_to[:DROPS_TO_SEE_TO],
        "to_see_to_left": max(len(to_see_to) - DROPS_TO_SEE_TO, 0),
        "newest": [{"date": _date_of(row), **row} for row in newest[:LATEST_DROPS]],
    }


def _rejects(data: ReportData) -> dict[str, Any]:
    """Reasons with their counts and a few examples each, the most frequent first."""
    paths: dict[tuple[Any, Any], str] = {}
    for drop in sorted(data.drops, key=lambda row: str(row["path"]), reverse=True):
        paths[drop["dataset"], drop["drop_id"]] = str(drop["path"])
    examples: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(
        data.reject_examples, key=lambda row: (str(row["dataset"]), str(row["drop_id"]), int(row["line"]))
    ):
        of_kind = examples[reason_kind(row["reason"])]
        if len(of_kind) < EXAMPLES_PER_REASON:
            path = paths.get((row["dataset"], row["drop_id"]), str(row["drop_id"])[:12])
            of_kind.append({**row, "path": path})
    counts: dict[str, int] = defaultdict(int)
    columns: dict[str, set[str]] = defaultdict(set)
    for row in data.reject_summary:
        kind = reason_kind(row["reason"])
        counts[kind] += int(row["row_count"] or 0)
        if row["column_name"]:
            columns[kind].add(str(row["column_name"]))
    reasons = [
        {"reason": reason, "count": count, "columns": sorted(columns[reason]), "examples": examples.get(reason, [])}
        for reason, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return {
        "count": sum(counts.values()),
        "reasons": reasons[:REASONS_WITH_EXAMPLES],
        "left": max(len(reasons) - REASONS_WITH_EXAMPLES, 0),
        "raw_text_length": RAW_TEXT_LENGTH,
    }


def _steps(step_counts: Rows) -> list[dict[str, Any]]:
    """Per table, in the order of the pipeline, what went in, what left or was added and why, what came out."""
    tables: dict[str, list[Row]] = {}
    for row in sorted(
        step_counts, key=lambda row: (_STEP_ORDER.get(row["table_name"], len(_STEP_ORDER)), int(row["position"]))
    ):
        tables.setdefault(str(row["table_name"]), []).append(row)
    steps = []
    for table, rows in tables.items():
        lines = []
        for row in rows:
            reason, count = str(row["reason"]), int(row["row_count"] or 0)
            source = reason.removeprefix("in: ")
            if reason == "in" or source != reason:
                lines.append(
                    {"text": "taken in" if reason == "in" else f"taken in from {source}", "count": count, "sum": True}
                )
            elif reason == "out":
                lines.append({"text": "handed on", "count": count, "sum": True})
            else:
                added = reason.endswith("(added)")
                lines.append({"text": reason, "count": count if added else -count, "sum": False})
        steps.append({"table": table, "lines": lines})
    return steps


def _last_change(segment_changes: Rows, k: int) -> dict[str, Any] | None:
    """The rows of the last change of champion: of the highest version, and of the k in use where that version has several.

    None where every segment is new: that is a first model, which changed nothing.
    """
    if not segment_changes:
        return None
    version = max(int(row["version"]) for row in segment_changes)
    rows = [row for row in segment_changes if row["version"] == version]
    rows = [row for row in rows if row["k"] == k] or rows
    last_k = max(int(row["k"]) for row in rows)
    rows = sorted((row for row in rows if row["k"] == last_k), key=lambda row: int(row["position"]))
    if all(row["change"] == "new" for row in rows):
        return None
    kinds = {kind: [row for row in rows if row["change"] == kind] for kind in ("kept", "new", "gone")}
    stayed, joined = _total(rows, "customers_stayed"), _total(rows, "customers_joined")
    return {
        "version": version,
        "k": last_k,
        "rows": rows,
        **kinds,
        "moved": joined,
        "moved_share": joined / (stayed + joined) if stayed + joined else None,
    }
