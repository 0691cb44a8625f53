"""The laws and contracts as checks on the tables: pure questions to the warehouse, each with an answer a person can act on.

The Dagster checks in `checks.py`, `sahara run`'s exit code and the report all ask here. A blocking check that fails stops what
follows; a warning goes into the report and, with `--strict`, into the exit code.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sahara_assets.builds import built
from sahara_assets.drops.ledger import ledger_rows, reading_fingerprint
from sahara_assets.drops.plan import Status
from sahara_assets.schema import CUSTOMER_FEATURES
from sahara_assets.tables import (
    AUDIENCE_FILES,
    BUILDS,
    CUSTOMER_SEGMENTS,
    CUSTOMERS,
    K_SWEEP,
    ORDERS,
    PRODUCTS,
    PURCHASES,
    RAW_TABLES,
    REJECTED_ROWS,
    SEGMENT_PROFILES,
    STEP_COUNTS,
    Table,
)
from sahara_assets.wording import counted, some

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sahara_assets.settings import Settings
    from sahara_assets.warehouse.base import Row, Warehouse


@dataclass(frozen=True)
class Verdict:
    """What one check found.

    Attributes:
        name: the check.
        asset: the asset it is about.
        passed: whether all is well.
        blocking: whether what follows must stop where it is not.
        text: what was found, and where it failed what to do.
        metadata: counts and examples for the UI.
    """

    name: str
    asset: str
    passed: bool
    blocking: bool
    text: str
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """One declared check: its name, the asset it is about, what it holds that asset to, and how to ask."""

    name: str
    asset: str
    description: str
    blocking: bool
    ask: Callable[[Warehouse, Settings], tuple[bool, str, dict[str, Any]]]

    def answer(self, warehouse: Warehouse, settings: Settings) -> Verdict:
        """Ask it."""
        passed, text, metadata = self.ask(warehouse, settings)
        return Verdict(self.name, self.asset, passed, self.blocking, text, metadata)


Answer = tuple[bool, str, dict[str, Any]]


def _loaded(warehouse: Warehouse, dataset: str | None = None) -> list[Row]:
    return [
        row
        for row in ledger_rows(warehouse)
        if row["status"] == Status.LOADED and (dataset is None or row["dataset"] == dataset)
    ]


def _counts_by(warehouse: Warehouse, table: Table, column: str) -> dict[str, int]:
    rows = warehouse.table(table)
    return {
        row["value"]: row["n"] for row in warehouse.rows(rows.group_by(value=rows[column]).aggregate(n=rows.count()))
    }


def _conservation(warehouse: Warehouse, _: Settings) -> Answer:
    """Rows read = rows loaded + rows rejected, in the ledger and in the tables it speaks of."""
    wrong = []
    for dataset, table in RAW_TABLES.items():
        raw = _counts_by(warehouse, table, "_drop_id")
        rejects = warehouse.table(REJECTED_ROWS)
        mine = rejects.filter(rejects.dataset == dataset)
        rejected = {r["drop_id"]: r["n"] for r in warehouse.rows(mine.group_by("drop_id").aggregate(n=mine.count()))}
        for row in _loaded(warehouse, dataset):
            found = (raw.get(row["drop_id"], 0), rejected.get(row["drop_id"], 0))
            if row["rows_read"] != sum(found) or found != (row["rows_loaded"], row["rows_rejected"]):
                wrong.append(f"{row['path']}: {row['rows_read']} read, {found[0]} loaded, {found[1]} rejected")
    read = sum(row["rows_read"] for row in _loaded(warehouse))
    if wrong:
        return (
            False,
            f"{counted(len(wrong), 'drop')} lost or gained rows: {some(wrong)}. Forget and load again",
            {"drops": wrong[:50]},
        )
    return True, f"{read:,} rows read, every one loaded or rejected", {"rows_read": read}


def _exactly_once(warehouse: Warehouse, _: Settings) -> Answer:
    """Raw tables hold exactly the contents that some path points at."""
    wrong = []
    for dataset, table in RAW_TABLES.items():
        present = set(_counts_by(warehouse, table, "_drop_id"))
        current = {row["drop_id"]: row["rows_loaded"] for row in _loaded(warehouse, dataset)}
        wrong += [f"{table.name} holds {d[:12]}, which no path delivers" for d in sorted(present - set(current))]
        wrong += [f"{table.name} lacks {d[:12]}" for d in sorted(set(current) - present) if current[d]]
    if wrong:
        return False, f"{some(wrong)}. Forget and load those drops again", {"contents": wrong[:50]}
    rows = _loaded(warehouse)
    contents = {(r["dataset"], r["drop_id"]) for r in rows}
    return (
        True,
        f"{counted(len(rows), 'file')} with {counted(len(contents), 'content')}, each stored once",
        {"contents": len(contents)},
    )


def _no_held_drops(warehouse: Warehouse, _: Settings) -> Answer:
    held = [f"{row['path']}: {row['reason']}" for row in ledger_rows(warehouse) if row["status"] == Status.HELD]
    if held:
        return (
            False,
            f"{counted(len(held), 'replacement is held', 'replacements are held')}. {some(held, 3)}",
            {"held": held[:50]},
        )
    return True, "no replacement is held", {}


def _no_rejected_drops(warehouse: Warehouse, _: Settings) -> Answer:
    refused = [str(row["reason"]) for row in ledger_rows(warehouse) if row["status"] == Status.REJECTED]
    if refused:
        return False, f"{counted(len(refused), 'drop')} could not be read. {some(refused, 3)}", {"drops": refused[:50]}
    return True, "every drop could be read", {}


def _no_rejected_rows(warehouse: Warehouse, _: Settings) -> Answer:
    rows = _loaded(warehouse)
    rejected = sum(row["rows_rejected"] for row in rows)
    read = sum(row["rows_read"] for row in rows)
    if rejected:
        share = rejected / max(read, 1)
        return (
            False,
            f"{rejected:,} of {counted(read, 'row')} rejected ({share:.2%}); `sahara rejects` says why, `--csv` writes them for correcting",
            {"rows_rejected": rejected, "rows_read": read},
        )
    return True, f"none of {counted(read, 'row')} was rejected", {"rows_read": read}


def _no_drift(warehouse: Warehouse, _: Settings) -> Answer:
    """Columns that came or went compared with most drops of the dataset."""
    changed: list[str] = []
    for dataset in RAW_TABLES:
        rows = _loaded(warehouse, dataset)
        extra = [set(json.loads(row["undeclared_columns"] or "[]")) for row in rows]
        lacking = [set(json.loads(row["absent_columns"] or "[]")) for row in rows]
        usual_extra, usual_lacking = _most_frequent(extra), _most_frequent(lacking)
        for row, has, lacks in zip(rows, extra, lacking, strict=True):
            # A column that the others lack is more than usual, one that they all have beside the declared ones is less.
            more = sorted((has - usual_extra) | (usual_lacking - lacks))
            less = sorted((lacks - usual_lacking) | (usual_extra - has))
            parts = [f"has {', '.join(more)} besides"] if more else []
            parts += [f"lacks {', '.join(less)}"] if less else []
            if parts:
                changed.append(f"{row['path']} {' and '.join(parts)}")
    if changed:
        verb = "differs" if len(changed) == 1 else "differ"
        return (
            False,
            (
                f"{counted(len(changed), 'drop')} {verb} in columns from the others of the dataset: {some(changed)}. Undeclared ones are "
                "kept in _extra; map those that matter under [datasets]"
            ),
            {"drops": changed[:50]},
        )
    return True, "all drops of a dataset have the same columns", {}


def _most_frequent(sets: list[set[str]]) -> set[str]:
    counts: Counter[frozenset[str]] = Counter(frozenset(names) for names in sets)
    ranked = sorted(counts, key=lambda names: (-counts[names], sorted(names)))
    return set(ranked[0]) if ranked else set()


def _nothing_stale(warehouse: Warehouse, settings: Settings) -> Answer:
    """Every content was read under the settings of today."""
    stale = [
        row["path"]
        for dataset in RAW_TABLES
        if dataset in settings.datasets
        for row in _loaded(warehouse, dataset)
        if row["reading_fingerprint"] != reading_fingerprint(settings, dataset)
    ]
    if stale:
        return (
            False,
            f"{counted(len(stale), 'drop was', 'drops were')} read under other settings and cannot be read again, because the files are gone: {some(stale)}. Put them back",
            {"drops": stale[:50]},
        )
    return True, "every drop was read under the present settings", {}


def _contract(table: Table) -> Callable[[Warehouse, Settings], Answer]:
    """The declared key is unique and the columns that may not be null are not."""

    def ask(warehouse: Warehouse, _: Settings) -> Answer:
        rows = warehouse.table(table)
        total = warehouse.count(table)
        required = [column.name for column in table.columns if not column.nullable]
        nulls = warehouse.rows(rows.aggregate(**{name: rows[name].isnull().ifelse(1, 0).sum() for name in required}))[0]
        faults = [f"{name} is null in {counted(count, 'row')}" for name, count in nulls.items() if count]
        keys = rows.select(*table.key).distinct()
        different = int(warehouse.rows(keys.aggregate(n=keys.count()))[0]["n"])
        if different != total:
            faults.append(f"{', '.join(table.key)} repeats in {counted(total - different, 'row')}")
        if faults:
            return (
                False,
                f"{'; '.join(faults)}; `sahara run` builds it anew once its inputs are right",
                {"row_count": total},
            )
        return True, f"{counted(total, 'row')}, {', '.join(table.key)} unique, nothing missing", {"row_count": total}

    return ask


def _account_balances(warehouse: Warehouse, _: Settings) -> Answer:
    """What `purchases` took in equals what left by reason and what it hands on."""
    lines = [row for row in warehouse.rows(STEP_COUNTS) if row["table_name"] == PURCHASES.name]
    if not lines:
        return False, "purchases has no account yet; materialise it", {}
    taken, given = lines[0]["row_count"], lines[-1]["row_count"]
    left = sum(row["row_count"] for row in lines[1:-1])
    raw, now = warehouse.count(RAW_TABLES["purchases"]), warehouse.count(PURCHASES)
    if (taken, given) != (raw, now) or taken != left + given:
        return (
            False,
            f"{taken:,} lines in, {left:,} left by reason, {given:,} out; the tables hold {raw:,} and {now:,}",
            {},
        )
    return True, f"{taken:,} lines in, {left:,} left by reason, {given:,} out", {"in": taken, "out": given}


def _one_currency(warehouse: Warehouse, settings: Settings) -> Answer:
    if settings.project.currency:
        return True, f"every line is in {settings.project.currency} or has a rate", {}
    codes = sorted(code for code in _counts_by(warehouse, RAW_TABLES["purchases"], "currency") if code)
    if len(codes) > 1:
        return (
            False,
            f"the lines are in {', '.join(codes)}: set project.currency and project.currency_rates",
            {"currencies": codes},
        )
    return True, f"one currency{f' ({codes[0]})' if codes else ''}", {}


def _no_future_lines(warehouse: Warehouse, _: Settings) -> Answer:
    lines = warehouse.table(PURCHASES)
    dated_later = lines.filter(lines.is_future)
    future = int(warehouse.rows(dated_later.aggregate(n=dated_later.count()))[0]["n"])
    if future:
        return (
            False,
            f"{counted(future, 'line is', 'lines are')} dated more than a day after the file was written and do not move the cut-off; look at the dates",
            {"lines": future},
        )
    return True, "no line is dated after its file was written", {}


def _sales_are_usual(warehouse: Warehouse, _: Settings) -> Answer:
    """Most lines should be sales; if not, the rules in the settings misread the order ids."""
    counts = _counts_by(warehouse, PURCHASES, "line_kind")
    total = sum(counts.values())
    sales = counts.get("sale", 0)
    share = sales / total if total else 0.0
    shown = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items(), key=lambda item: -item[1]))
    if share < 0.5:
        return False, f"only {share:.0%} of lines are sales ({shown}); look at the prefixes under [rules]", dict(counts)
    return True, f"{share:.1%} of lines are sales ({shown})", dict(counts)


def _spend_adds_up(warehouse: Warehouse, settings: Settings) -> Answer:
    """Gross spend of the features = sale lines of known customers before the cut-off."""
    import ibis

    from sahara_assets.sales.subjects import is_counted_sale

    measured = built(warehouse, CUSTOMER_FEATURES.name)
    if measured is None:
        return False, "customer_features has not been built yet; materialise it", {}
    lines = warehouse.table(PURCHASES)
    before = lines.ordered_at_local < ibis.timestamp(measured.details["cut_off"].replace("T", " "))
    sales = lines.filter(before & is_counted_sale(lines, settings) & lines.customer_id.notnull())
    features = warehouse.table(CUSTOMER_FEATURES)
    one = warehouse.rows(sales.aggregate(spend=sales.line_total.sum(), n=sales.count()))[0]
    other = warehouse.rows(features.aggregate(spend=features.gross_spend.sum(), n=features.line_count.sum()))[0]
    if (one["spend"], one["n"]) != (other["spend"], other["n"]):
        return False, f"sale lines come to {one['spend']}, customer_features to {other['spend']}", {}
    return True, f"{one['n']:,} sale lines come to {one['spend']:,.2f} on both sides", {}


def _choice_qualified(warehouse: Warehouse, _: Settings) -> Answer:
    rows = [row for row in warehouse.rows(K_SWEEP) if row["is_chosen"]]
    if not rows:
        return False, "no k is chosen yet", {}
    # The verdict begins with its k.
    chosen = rows[0]
    if chosen["score"] is None:
        return False, f"in use though it does not qualify: {chosen['verdict']}", {"k": chosen["k"]}
    return True, str(chosen["verdict"]), {"k": chosen["k"]}


def _everyone_scored_once(warehouse: Warehouse, _: Settings) -> Answer:
    customers, scored = warehouse.count(CUSTOMER_FEATURES), warehouse.count(CUSTOMER_SEGMENTS)
    features, segments = warehouse.table(CUSTOMER_FEATURES), warehouse.table(CUSTOMER_SEGMENTS)
    missing = features.anti_join(segments, "customer_id")
    lacking = int(warehouse.rows(missing.aggregate(n=missing.count()))[0]["n"])
    if lacking or customers != scored:
        return False, f"{customers:,} customers, {scored:,} rows scored, {lacking:,} without a segment", {}
    return True, f"each of {counted(customers, 'customer')} has one segment", {}


def _two_ways_agree(warehouse: Warehouse, _: Settings) -> Answer:
    """SQL in the warehouse and NumPy in the process put every customer in the same segment."""
    import numpy as np

    from sahara_assets.segmentation.registry import champion
    from sahara_assets.segmentation.scoring import score

    model = champion(warehouse)
    if model is None:
        return False, "there is no model yet", {}
    table = warehouse.arrow(CUSTOMER_FEATURES)
    stored = warehouse.arrow(CUSTOMER_SEGMENTS)
    scores = score(model.model, table)
    by_sql = stored.column("segment").to_numpy()
    apart = int((by_sql != scores.segment).sum()) if len(by_sql) == len(scores.segment) else len(by_sql)
    gap = float(np.abs(stored.column("distance").to_numpy() - scores.distance).max(initial=0.0)) if not apart else 0.0
    if apart or gap > 1e-9:
        return (
            False,
            f"SQL and NumPy differ on {counted(apart, 'customer')} (distances by up to {gap:.1e}); please report it",
            {},
        )
    return True, f"SQL and NumPy agree on {counted(len(by_sql), 'customer')}", {"largest_gap": gap}


def _segments_still_fit(warehouse: Warehouse, settings: Settings) -> Answer:
    """New drops may have emptied a segment since the champion was trained."""
    rows = warehouse.rows(SEGMENT_PROFILES)
    limit = settings.segmentation.minimum_share / 2
    small = [f"{row['segment_name']} ({row['customer_share']:.1%})" for row in rows if row["customer_share"] < limit]
    if small:
        return False, f"very small by now: {', '.join(small)}; consider `sahara run --retrain`", {"segments": small}
    return True, f"all {counted(len(rows), 'segment')} hold at least {limit:.1%} of customers", {}


def _files_keep_the_format(warehouse: Warehouse, settings: Settings) -> Answer:
    from sahara_assets.exports.lint import lint

    findings = lint(settings.export_folder, settings.export)
    if findings:
        shown = [f"{f.file}{f':{f.line}' if f.line else ''}: {f.message}" for f in findings]
        return (
            False,
            f"{counted(len(findings), 'fault')}: {some(shown, 3)}. `sahara run` writes the files anew",
            {"faults": shown[:50]},
        )
    names = [row["file_name"] for row in warehouse.rows(AUDIENCE_FILES)]
    return True, f"{', '.join(names)} keep to the format's rules", {"files": names}


def _contracts() -> Iterable[Question]:
    for table in (PURCHASES, ORDERS, PRODUCTS, CUSTOMERS, CUSTOMER_FEATURES, CUSTOMER_SEGMENTS, SEGMENT_PROFILES):
        yield Question(
            f"{table.name}_contract",
            table.name,
            f"{', '.join(table.key)} is unique and no required column of {table.name} is null.",
            blocking=True,
            ask=_contract(table),
        )


QUESTIONS: tuple[Question, ...] = (
    Question("conservation", "drops", "Rows read = rows loaded + rows rejected, for every drop.", True, _conservation),
    Question(
        "exactly_once",
        "drops",
        "Raw tables hold exactly the contents that a path points at, once.",
        True,
        _exactly_once,
    ),
    Question(
        "no_held_drops",
        "drops",
        "No replacement waits because it would take too many lines away.",
        True,
        _no_held_drops,
    ),
    Question("no_rejected_drops", "drops", "Every drop could be read as its dataset.", False, _no_rejected_drops),
    Question(
        "no_rejected_rows", "rejected_rows", "Every row could be typed and keeps the rules.", False, _no_rejected_rows
    ),
    Question("no_drift", "drops", "All drops of a dataset have the same columns.", False, _no_drift),
    Question("nothing_stale", "drops", "Every drop was read under the present settings.", False, _nothing_stale),
    Question(
        "account_balances", "purchases", "Lines in = lines that leave by reason + lines out.", True, _account_balances
    ),
    Question("one_currency", "purchases", "Money that is added up is in one currency.", True, _one_currency),
    Question("no_future_lines", "purchases", "No line is dated after its file was written.", False, _no_future_lines),
    Question("sales_are_usual", "purchases", "Most lines are sales.", False, _sales_are_usual),
    Question(
        "spend_adds_up", "customer_features", "Gross spend equals the sale lines it is made of.", True, _spend_adds_up
    ),
    Question("choice_qualified", "k_sweep", "The k in use passes the gates of the rule.", False, _choice_qualified),
    Question(
        "everyone_scored_once",
        "customer_segments",
        "Every customer has exactly one segment.",
        True,
        _everyone_scored_once,
    ),
    Question("two_ways_agree", "customer_segments", "SQL and NumPy score every customer alike.", True, _two_ways_agree),
    Question(
        "segments_still_fit", "segment_profiles", "No segment has emptied since training.", False, _segments_still_fit
    ),
    Question(
        "files_keep_the_format",
        "audience_files",
        "Audience files keep to the format's rules.",
        True,
        _files_keep_the_format,
    ),
    *_contracts(),
)


def run_checks(warehouse: Warehouse, settings: Settings) -> list[Verdict]:
    """Ask every question whose asset has been built."""
    done = {row["name"] for row in warehouse.rows(BUILDS)}
    done |= {"drops", "rejected_rows"} | ({"k_sweep"} if "segmentation_models" in done else set())
    return [question.answer(warehouse, settings) for question in QUESTIONS if question.asset in done]
