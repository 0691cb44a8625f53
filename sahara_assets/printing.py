"""What the commands print about a run, the ledger, the sweep and the segments.

How a table or a paragraph gets onto the screen lives in `console.py`; what is true is asked in `running.py` and `quality/`.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from sahara_assets import console
from sahara_assets.drops.dialect import DELIMITER_NAMES
from sahara_assets.untrusted import shell_word
from sahara_assets.wording import counted, some, to_places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sahara_assets.drops.outcome import LoadReport
    from sahara_assets.drops.tables import Table
    from sahara_assets.drops.verifying import Verified
    from sahara_assets.extracts.extracting import Extracted
    from sahara_assets.quality.questions import Verdict
    from sahara_assets.settings.document import Settings
    from sahara_assets.summary import Summary
    from sahara_assets.warehouse.base import Row


_SHOWN_COLUMNS = 20


def planned_actions(report: LoadReport) -> list[Row]:
    """What a load would do about each file, as a dry run shows it."""
    return [
        {
            "dataset": outcome.dataset,
            "path": outcome.path,
            "action": "refuse" if outcome.status == "rejected" else "replace" if outcome.replaces else str(outcome.act),
            "reason": outcome.reason,
        }
        for outcome in report.outcomes
    ]


def show_preview(report: LoadReport) -> None:
    """What a run would do about the drops."""
    planned = planned_actions(report)
    columns = {"action": "would", "dataset": "dataset", "path": "path", "reason": "note"}
    console.table(planned, columns, optional=["dataset", "reason"])
    console.say(
        f"{counted(len(planned), 'drop')} to act on, {report.unchanged:,} unchanged, {len(report.held):,} held; nothing was changed"
    )
    for path in report.held:
        console.say(f"held: {path}; `sahara drops` says why, `sahara drops allow {shell_word(path)}` lets it in")
    for path in report.left_alone:
        console.say(f"still being written: {path}")
    show_unclaimed(len(report.unclaimed), report.unclaimed)


def show_unclaimed(count: int, paths: Sequence[str]) -> None:
    """Files that nobody reads; nothing where there are none."""
    if count:
        console.say(
            f"no dataset's patterns match {some(paths, 5, of=count)}: widen `patterns`, or name such files under drops.ignore"
        )


def show_table(table: Table, first: int) -> None:
    """A file as a table: how it is written and how sure that is, its first rows, and what is no row of it."""
    written = [
        {
            "part": name.replace("_", " "),
            "value": _spelled(value),
            "sure": console.share(table.sure.get(name, 1.0)),
            "why": why,
        }
        for name, value in asdict(table.dialect).items()
        if (why := table.evidence.get(name, "")) and (value or name in {"quote", "header_lines"})
    ]
    console.say(f"{table.path}: {table.encoding}, {counted(table.width, 'column')}")
    console.table(written, {"part": "dialect", "value": "is", "sure": "sure", "why": "why"}, optional=["why"])
    if table.header is None and table.rows:
        console.say("the columns have no names; those below are made up")
    shown = table.names[:_SHOWN_COLUMNS]
    if table.width > len(shown):
        console.say(f"the first {len(shown)} of {table.width:,} columns:")
    keys = [f"c{place}" for place in range(len(shown))]
    rows = [dict(zip(keys, (cell[:60] for cell in row), strict=False)) for row in table.rows[:first]]
    console.table(rows, dict(zip(keys, shown, strict=True)))
    kept_out = [{"line": str(one.line), "reason": one.reason, "text": one.text[:100]} for one in table.rejects[:50]]
    console.table(kept_out, {"line": "line", "reason": "kept out because", "text": "text"}, optional=["text"])
    more = len(table.rejects) - len(kept_out)
    console.say(
        f"{counted(table.records_read, 'record')}: {counted(len(table.rows), 'row')}, {len(table.rejects):,} kept out"
        + (f" ({more:,} more than shown; --rejects FILE writes them all)" if more else "")
        + (f"; {counted(table.blank_lines, 'blank line')}" if table.blank_lines else "")
    )


def _spelled(value: object) -> str:
    """A part of a dialect as a person reads it."""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return (
        DELIMITER_NAMES.get(value, value if value.isprintable() else repr(value))
        if isinstance(value, str)
        else str(value)
    )


def told_extract(each: Extracted) -> str:
    """One extract's outcome as a line."""
    what = "nothing new"
    if each.files:
        what = f"{counted(each.rows, 'row')} in {counted(each.files, 'file')}"
    said = "; ".join([what] * (bool(each.files) or not each.error) + [f"failed: {each.error}"] * bool(each.error))
    upto = f", up to {each.watermark}" if each.watermark else ""
    return "; ".join([f"{each.name} → {each.dataset}: {said}{upto}", *each.notices])


def _show_sentences(heading: str, sentences: Sequence[str]) -> None:
    """A heading and its sentences; nothing where there are none."""
    if sentences:
        console.heading(heading)
    for sentence in sentences:
        console.paragraph(sentence, indent="  ")


def show_summary(summary: Summary, settings: Settings) -> None:
    """The end of a run: drops, rows, rejects, the model and why, the segments, what to look at, and what was written."""
    if summary.anything_new:
        loaded = summary.loaded
        console.heading("Drops")
        repeats = f" ({loaded['repeats']:,} with a content that was there)" if loaded["repeats"] else ""
        done = f"{counted(loaded['drops'], 'drop')}{repeats}, {counted(loaded['rows_read'], 'row')} read, "
        done += f"{loaded['rows_loaded']:,} loaded, {loaded['rows_rejected']:,} rejected"
        console.paragraph(f"this run: {done if loaded['drops'] else 'no drop to load'}", indent="  ")
    else:
        console.heading("Nothing new: 0 rows loaded, every table and file is current")
    refused = f", {counted(summary.refused_drops, 'drop')} refused" if summary.refused_drops else ""
    console.paragraph(
        f"in all: {counted(summary.drop_count, 'drop')}, {counted(summary.row_count, 'row')}, {summary.rejected_count:,} rejected{refused}",
        indent="  ",
    )
    if summary.model:
        console.heading("Model")
        console.paragraph(trained(summary.model), indent="  ")
        console.paragraph(str(summary.model["reason"]), indent="  ")
    if summary.segments:
        console.heading(f"Segments{as_of(summary.as_of, summary.segments)}")
        show_segments(summary.segments, settings)
    _show_sentences("Predictions", summary.predictions)
    _show_recommendations(summary)
    _show_sentences("Databases", [told_extract(each) for each in summary.extracts])
    _show_sentences("Worth a look", [*(verdict.text for verdict in summary.warnings), *summary.notices])
    console.heading("Written")
    console.say(f"  report    {summary.report}")
    for path in summary.audience_files:
        console.say(f"  audience  {path}")
    if summary.insight_files:
        console.say(f"  insights  {summary.insight_files}")
    for path in summary.promotion_files:
        console.say(f"  promotion {path}")


def trained(model: Mapping[str, Any]) -> str:
    """Which model it is, and what it was trained on.

    >>> trained({"version": 1, "cut_off": "2026-07-24T00:00:00", "customers": 102})
    'version 1, trained as of 2026-07-24 on 102 customers'
    """
    return f"version {model['version']}, trained as of {_day(model['cut_off'])} on {counted(model['customers'], 'customer')}"


def as_of(cut_off: str, segments: Sequence[Row]) -> str:
    """What the segments' numbers are of.

    >>> as_of("2026-11-02T00:00:00", [{"customer_count": 120}])
    ' as of 2026-11-02: 120 customers'
    """
    customers = counted(sum(row["customer_count"] for row in segments), "customer")
    return f" as of {_day(cut_off)}: {customers}" if cut_off else f": {customers}"


def _day(cut_off: str) -> str:
    return cut_off.removesuffix("T00:00:00").replace("T", " ")


def _show_recommendations(summary: Summary) -> None:
    found = summary.recommendations
    if found:
        console.heading("Recommendations")
        done = f"{counted(found['recommendations'], 'product')} for {counted(found['customers'], 'customer')}: {found['reason']}"
        console.paragraph(done, indent="  ")


def show_segments(rows: Sequence[Row], settings: Settings) -> None:
    """The segments as a table."""
    currency = settings.project.currency or "spend"
    decimals = {"mean_gross_spend": 2, "mean_order_count": 1, "median_recency_days": 0}
    shown = [
        {
            **row,
            "segment": str(row["segment"]),
            "customer_share": console.share(row["customer_share"]),
            "spend_share": None if row["spend_share"] is None else console.share(row["spend_share"]),
            **{name: None if row[name] is None else to_places(row[name], places) for name, places in decimals.items()},
        }
        for row in rows
    ]
    console.table(
        shown,
        {
            "segment": "#",
            "segment_name": "segment",
            "tier": "tier",
            "customer_count": "customers",
            "customer_share": "of customers",
            "spend_share": "of spend",
            "mean_gross_spend": f"mean {currency}",
            "mean_order_count": "mean orders",
            "median_recency_days": "median days away",
        },
        optional=["median_recency_days", "mean_order_count", "mean_gross_spend", "tier", "spend_share"],
    )


def show_centroids(rows: Sequence[Row], settings: Settings) -> None:
    """Every segment's centroid by feature, in the feature's own unit; of a category the share of each word."""
    from sahara_assets.features.feature_set import feature_set
    from sahara_assets.report.wording import amount

    features = feature_set(settings).by_name
    lines: dict[str, dict[str, Row]] = {}
    for row in rows:
        for name, value in json.loads(row["centroid"]).items():
            feature = features.get(name)
            unit = "" if feature is None else settings.project.currency if feature.unit == "money" else feature.unit
            for word, number in (value if isinstance(value, dict) else {"": value}).items():
                line = lines.setdefault(name, {}).setdefault(word, {"unit": "share" if word else unit})
                line["feature"] = f"{name}: {word}" if word else name
                line[str(row["segment"])] = console.share(number) if line["unit"] == "share" else amount(number)
    keys = [str(row["segment"]) for row in rows]
    console.table(
        [line for words in lines.values() for line in words.values()],
        {"feature": "centroid", "unit": "unit", **{key: f"#{key}" for key in keys}},
        optional=["unit"],
    )


def show_segment_stories(rows: Sequence[Row]) -> None:
    """What each segment is, and what to do about it."""
    for row in rows:
        console.say()
        console.say(f"{row['segment']}  {row['segment_name']}")
        console.paragraph(str(row["description"]), indent="   ")
        console.paragraph(str(row["action"]), indent="   ")


def show_ledger(rows: Sequence[Row]) -> None:
    """The ledger, one line a version."""
    console.table(
        [{**row, "content": row["drop_id"][:12] or None} for row in rows],
        {
            "dataset": "dataset",
            "path": "path",
            "status": "status",
            "rows_read": "read",
            "rows_loaded": "loaded",
            "rows_rejected": "rejected",
            "content": "content",
            "loaded_at": "taken in (UTC)",
            "reason": "note",
        },
        optional=["content", "loaded_at", "dataset", "reason"],
    )


def show_rejects(rows: Sequence[Row]) -> None:
    """Rejected rows, one line each."""
    console.table(
        [{**row, "line": str(row["line"]), "raw_text": str(row["raw_text"])[:100]} for row in rows],
        {"path": "path", "line": "line", "column_name": "column", "reason": "reason", "raw_text": "row"},
        optional=["raw_text"],
    )


def show_sweep(rows: Sequence[Row], reason: str) -> None:
    """The sweep as a table, why the k in use was chosen, and why others could not be."""
    console.table(
        rows,
        {
            "k": "k",
            "silhouette": "silhouette",
            "davies_bouldin_index": "Davies-Bouldin",
            "mean_squared_distance": "mean sq. distance",
            "calinski_harabasz": "Calinski-Harabasz",
            "wholeness": "wholeness",
            "steadiness": "steadiness",
            "stability": "stability",
            "smallest_share": "smallest",
            "largest_share": "largest",
            "score": "score",
            "is_chosen": "in use",
        },
        optional=["calinski_harabasz", "mean_squared_distance", "largest_share", "wholeness", "steadiness"],
    )
    console.say()
    console.paragraph(reason)
    for row in rows:
        if row["score"] is None:
            # The numbers in brackets stand in the table.
            console.paragraph(str(row["verdict"]).split(" (", 1)[0].rstrip(".") + ".")


def show_verified(verified: Verified, verdicts: Sequence[Verdict]) -> None:
    """What reading every file again found, and the checks that fail or warn."""
    for difference in verified.differences:
        where = f"{difference.dataset}: {difference.path}" if difference.path else difference.dataset
        console.say(f"FAIL  {where}: {difference.text}; {difference.remedy}")
    show_verdicts([verdict for verdict in verdicts if not verdict.passed])
    console.say(
        f"{counted(verified.drops, 'drop')} read again and compared, {counted(verified.rows, 'row')}; "
        f"{counted(len(verified.differences), 'difference')}"
    )
    if verified.only_counted:
        console.say(
            f"{counted(len(verified.only_counted), 'drop')} could only be counted, because the file is gone or was read under other "
            f"settings: {some(verified.only_counted)}"
        )


def show_verdicts(verdicts: Sequence[Verdict]) -> None:
    """What the checks found, one line each."""
    for verdict in verdicts:
        word = "ok  " if verdict.passed else "FAIL" if verdict.blocking else "warn"
        console.say(f"{word}  {verdict.asset}: {verdict.name}: {verdict.text}")
