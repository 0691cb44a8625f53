"""How drops of a dataset differ from one another: columns that came, went, moved, were renamed or changed what they hold.

Everything is derived from what the ledger and the raw tables say of each drop, so that it does not depend on the order of arrival.
What it means for a check is in `drops.py`.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from sahara_assets.drops.attributes import as_read
from sahara_assets.drops.binding import bind, bind_paths, loose
from sahara_assets.drops.numbers import number_format
from sahara_assets.onboarding.dates import looks_like_date
from sahara_assets.tables.books import REJECTED_ROWS
from sahara_assets.tables.columns import Kind
from sahara_assets.tables.datasets import DATASETS, RAW_TABLES
from sahara_assets.untrusted import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse

_LIKELY = 0.45
_SAMPLED_ROWS = 200
_FEWEST_ROWS = 20
_DIGITS = list("0123456789")


@dataclass(frozen=True)
class Rename:
    """A column of ours that a drop of a dataset lacks, the name in it that may be meant, and why."""

    dataset: str
    column: str
    name: str
    score: float
    evidence: str

    @property
    def sentence(self) -> str:
        """As a person would say it, with the remedy."""
        return f"{self.name!r} may be {self.column} now ({self.evidence}): set {self.column} = {json_text(self.name)} under [datasets.{self.dataset}.columns]"


def column_drift(rows: Sequence[Row]) -> tuple[dict[str, tuple[list[str], list[str]]], list[str]]:
    """What columns the drops of one dataset have more and less than most of them, by path; and the paths that only order them otherwise.

    Args:
        rows: the ledger's rows of the dataset's loaded drops.
    """
    extra = [set(_listed(row["undeclared_columns"])) for row in rows]
    lacking = [set(_listed(row["absent_columns"])) for row in rows]
    orders = [tuple(_listed(row["column_names"])) if row["format"] in {"csv", "parquet"} else () for row in rows]
    usual_extra, usual_lacking = _most_frequent(extra), _most_frequent(lacking)
    usual_order = next(iter(Counter(sorted(order for order in orders if order)).most_common(1)), ((), 0))[0]
    changed: dict[str, tuple[list[str], list[str]]] = {}
    reordered = []
    for row, has, lacks, order in zip(rows, extra, lacking, orders, strict=True):
        # A column that the others lack is more than usual, one that they all have beside the declared ones is less.
        more = sorted((has - usual_extra) | (usual_lacking - lacks))
        less = sorted((lacks - usual_lacking) | (usual_extra - has))
        if more or less:
            changed[row["path"]] = (more, less)
        elif order and order != usual_order and sorted(order) == sorted(usual_order):
            reordered.append(row["path"])
    return changed, reordered


def _listed(text: str | None) -> list[str]:
    names: list[str] = json.loads(text or "[]")
    return names


def _most_frequent(sets: list[set[str]]) -> set[str]:
    counts: Counter[frozenset[str]] = Counter(frozenset(names) for names in sets)
    ranked = sorted(counts, key=lambda names: (-counts[names], sorted(names)))
    return set(ranked[0]) if ranked else set()


# --- renamed columns ---------------------------------------------------------------------------------------------------------------


def renames_in_loaded(
    warehouse: Warehouse, settings: Settings, row: Row, more: list[str], less: list[str]
) -> list[Rename]:
    """Which of the names that a loaded drop has besides may be the optional columns that it lacks."""
    dataset = row["dataset"]
    declared, _ = as_read(DATASETS[dataset], settings.datasets[dataset])
    wanted = [column for column in declared.column_names if column in less]
    if not wanted or not more:
        return []
    raw = warehouse.table(RAW_TABLES[dataset])
    mine = raw.filter(raw["_drop_id"] == row["drop_id"]).order_by("_line").select("_extra").limit(_SAMPLED_ROWS)
    samples: dict[str, list[str]] = {name: [] for name in more}
    for found in warehouse.rows(mine):
        values = json.loads(found["_extra"] or "{}")
        for name in more:
            value = values.get(name)
            if value not in {None, ""} if not isinstance(value, (list, dict)) else False:
                samples[name].append(str(value))
    return suggest_renames(warehouse, settings, dataset, wanted, samples)


def renames_in_refused(warehouse: Warehouse, settings: Settings, row: Row) -> list[Rename]:
    """Which names of a drop that was refused for lack of a column may be that column."""
    samples: dict[str, list[str]] = json.loads(row["column_samples"] or "{}")
    if not samples or row["dataset"] not in settings.datasets:
        return []
    dataset, reading = as_read(DATASETS[row["dataset"]], settings.datasets[row["dataset"]])
    names = list(samples)
    bound = (
        bind_paths(names, dataset, reading)
        if row["format"] != "csv"
        else {column: [(column, place)] for column, place in bind(names, dataset, reading).items()}
    )
    taken = {place for found in bound.values() for _, place in found}
    wanted = [c for c in (*dataset.required, *dataset.expected) if c not in bound and c not in reading.constants]
    free = {name: values for place, (name, values) in enumerate(samples.items()) if place not in taken}
    return suggest_renames(warehouse, settings, row["dataset"], wanted, free)


def suggest_renames(
    warehouse: Warehouse, settings: Settings, dataset: str, wanted: Sequence[str], samples: Mapping[str, Sequence[str]]
) -> list[Rename]:
    """For each wanted column the name that fits best, by likeness of names and by what its values are; each name once.

    Args:
        warehouse: knows the values that the column had so far.
        settings: how the dataset is read.
        dataset: which one.
        wanted: columns of ours.
        samples: the names that are free, with some of their values.
    """
    found = [
        rename
        for column in wanted
        for name, values in samples.items()
        if (rename := _rename(warehouse, settings, dataset, column, name, [v for v in values if v])).score >= _LIKELY
    ]
    chosen: list[Rename] = []
    for rename in sorted(found, key=lambda rename: (-rename.score, rename.column, rename.name)):
        if all(rename.column != other.column and rename.name != other.name for other in chosen):
            chosen.append(rename)
    return sorted(chosen, key=lambda rename: wanted.index(rename.column))


def _rename(
    warehouse: Warehouse, settings: Settings, dataset: str, column: str, name: str, values: Sequence[str]
) -> Rename:
    declared, reading = as_read(DATASETS[dataset], settings.datasets[dataset])
    known = {loose(column), loose(reading.columns.get(column, column))}
    likeness = max(difflib.SequenceMatcher(None, loose(name), one).ratio() for one in known)
    evidence = [f"the name is {likeness:.0%} alike"] if likeness >= 0.5 else []
    share, weight, what = 0.0, 0.5, ""
    kind = declared.column(column).kind
    if values and kind in {Kind.DECIMAL, Kind.INTEGER}:
        form = number_format(reading, settings.project)
        share, weight, what = sum(form.to_decimal(v.strip()) is not None for v in values) / len(values), 0.35, "numbers"
    elif values and kind in {Kind.DATE, Kind.TIMESTAMP}:
        share, what = sum(looks_like_date(v) for v in values) / len(values), "dates"
    elif values and kind is Kind.TEXT and column not in declared.attributes:
        distinct = sorted({v.strip() for v in values})[:_SAMPLED_ROWS]
        raw = warehouse.table(RAW_TABLES[dataset])
        met = warehouse.rows(raw.filter(raw[column].isin(distinct)).select(value=raw[column]).distinct())
        share, weight, what = len(met) / len(distinct), 0.6, f"values that {column} had before"
    if share >= 0.5:
        evidence.append(f"{share:.0%} of a sample are {what}")
    if values and share < 0.5 and kind in {Kind.DECIMAL, Kind.INTEGER, Kind.DATE, Kind.TIMESTAMP}:
        return Rename(dataset, column, name, 0.0, "")  # whatever its name, it does not hold what the column holds
    return Rename(dataset, column, name, 0.5 * likeness + weight * share, ", ".join(evidence))


# --- changed values ----------------------------------------------------------------------------------------------------------------


def columns_that_stopped_fitting(warehouse: Warehouse, rows: Sequence[Row]) -> list[str]:
    """Columns that reject at least half of a drop's rows, where they do not in most drops: the type or format has changed."""
    shares: dict[str, dict[str, float]] = {}
    for row in rows:
        for column, count in json.loads(row["rejected_columns"] or "{}").items():
            shares.setdefault(column, {})[row["path"]] = count / max(row["rows_read"], 1)
    told = []
    for row in sorted(rows, key=lambda row: str(row["path"])):
        for column in sorted(shares):
            if shares[column].get(row["path"], 0.0) < 0.5:
                continue
            others = sum(share >= 0.5 for path, share in shares[column].items() if path != row["path"])
            if len(rows) > 1 and 2 * others >= len(rows) - 1:
                continue
            rejects = warehouse.table(REJECTED_ROWS)
            mine = rejects.filter(
                (rejects.dataset == row["dataset"])
                & (rejects.drop_id == row["drop_id"])
                & (rejects.column_name == column)
            )
            reason = next(iter(warehouse.rows(mine.order_by("line").select("reason").limit(1))), {"reason": ""})[
                "reason"
            ]
            told.append(
                f"{row['path']} has other values in {column} ({shares[column][row['path']]:.0%} rejected: {reason})"
            )
    return told


def ids_that_look_otherwise(warehouse: Warehouse, dataset: str, rows: Sequence[Row]) -> list[str]:
    """Customer and product ids whose look changed from one drop to the others: nothing rejects them, but they join with nothing.

    A change is that ids begin with a digit nearly always here and nearly never elsewhere, or the other way round, or that they are
    half or twice as long.
    """
    paths = {row["drop_id"]: row["path"] for row in sorted(rows, key=lambda row: str(row["path"]), reverse=True)}
    told = []
    for column in ("customer_id", "product_id"):
        if column not in DATASETS[dataset].column_names or len(paths) < 2:
            continue
        raw = warehouse.table(RAW_TABLES[dataset])
        ids = raw.filter(raw[column].notnull())
        led = ids[column].substr(0, 1).isin(_DIGITS).ifelse(1, 0)
        counted = warehouse.rows(
            ids.group_by("_drop_id").aggregate(rows=ids.count(), digits=led.sum(), letters=ids[column].length().sum())
        )
        looks = {
            found["_drop_id"]: (found["digits"] / found["rows"], found["letters"] / found["rows"])
            for found in counted
            if found["rows"] >= _FEWEST_ROWS and found["_drop_id"] in paths
        }
        if len(looks) < 2:
            continue
        for drop_id, (digits, length) in sorted(looks.items(), key=lambda item: paths[item[0]]):
            others = [look for other, look in looks.items() if other != drop_id]
            usual_digits, usual_length = median(d for d, _ in others), median(n for _, n in others)
            if abs(digits - usual_digits) > 0.9 or not 0.5 < length / usual_length < 2:
                told.append(
                    f"{paths[drop_id]} has another kind of {column}: about {length:.0f} characters where others have {usual_length:.0f}, "
                    f"{digits:.0%} begin with a digit where {usual_digits:.0%} of others do"
                )
    return told
