"""What the ledger and the raw tables must say of each other, and what the drops should be like."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sahara_assets.drops.ledger import ledger_rows, reading_fingerprint
from sahara_assets.drops.plan import Status
from sahara_assets.drops.unclaimed import remembered
from sahara_assets.quality.drift import (
    column_drift,
    columns_that_stopped_fitting,
    ids_that_look_otherwise,
    renames_in_loaded,
    renames_in_refused,
)
from sahara_assets.quality.questions import Answer, Question, counts_by
from sahara_assets.settings.unknown import unknown_key
from sahara_assets.tables.books import REJECTED_ROWS
from sahara_assets.tables.datasets import RAW_TABLES
from sahara_assets.wording import counted, some

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse


def _loaded(warehouse: Warehouse, dataset: str | None = None) -> list[Row]:
    return [
        row
        for row in ledger_rows(warehouse)
        if row["status"] == Status.LOADED and (dataset is None or row["dataset"] == dataset)
    ]


def _conservation(warehouse: Warehouse, _: Settings) -> Answer:
    """Rows read = rows loaded + rows rejected, in the ledger and in the tables it speaks of."""
    wrong = []
    for dataset, table in RAW_TABLES.items():
        raw = counts_by(warehouse, table, "_drop_id")
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
        present = set(counts_by(warehouse, table, "_drop_id"))
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


def _no_rejected_drops(warehouse: Warehouse, settings: Settings) -> Answer:
    refused = []
    for row in ledger_rows(warehouse):
        if row["status"] == Status.REJECTED:
            renames = renames_in_refused(warehouse, settings, row)
            refused.append(". ".join([str(row["reason"]), *(rename.sentence for rename in renames)]))
    if refused:
        return False, f"{counted(len(refused), 'drop')} could not be read. {some(refused, 3)}", {"drops": refused[:50]}
    return True, "every drop could be read", {}


def _every_file_is_claimed(warehouse: Warehouse, _: Settings) -> Answer:
    """Nothing lies in the drop folder that nobody reads."""
    count, paths = remembered(warehouse)
    if count:
        told = (
            f"{counted(count, 'file lies', 'files lie')} in the drop folder that no dataset's patterns match, so nobody reads "
            f"{'it' if count == 1 else 'them'}: {some(paths, 3, of=count)}. Widen `patterns` in sahara.toml, or name such files "
            "under drops.ignore"
        )
        return False, told, {"files": paths[:50]}
    return True, "every file that looks like a drop is some dataset's", {}


def _no_rejected_rows(warehouse: Warehouse, _: Settings) -> Answer:
    # A content that came under several names is stored once, and so counts once.
    rows = list({(row["dataset"], row["drop_id"]): row for row in _loaded(warehouse)}.values())
    rejected = sum(row["rows_rejected"] for row in rows)
    read = sum(row["rows_read"] for row in rows)
    if rejected:
        share = rejected / max(read, 1)
        return (
            False,
            f"{rejected:,} of {counted(read, 'row')} of the drops in use rejected ({share:.2%}); `sahara rejects` says why, `--csv` writes them for correcting",
            {"rows_rejected": rejected, "rows_read": read},
        )
    return True, f"none of {counted(read, 'row')} was rejected", {"rows_read": read}


def _no_drift(warehouse: Warehouse, settings: Settings) -> Answer:
    """Columns that came, went, were renamed or hold other values, compared with most drops of the dataset."""
    changed: list[str] = []
    renamed: list[str] = []
    other_values: list[str] = []
    reordered: list[str] = []
    for dataset in RAW_TABLES:
        rows = _loaded(warehouse, dataset)
        columns, moved = column_drift(rows)
        reordered += moved
        by_path = {row["path"]: row for row in rows}
        for path, (more, less) in columns.items():
            parts = [f"has {', '.join(more)} besides"] if more else []
            parts += [f"lacks {', '.join(less)}"] if less else []
            changed.append(f"{path} {' and '.join(parts)}")
            if dataset in settings.datasets:
                found = renames_in_loaded(warehouse, settings, by_path[path], more, less)
                renamed += [f"{path}: {rename.sentence}" for rename in found]
        other_values += columns_that_stopped_fitting(warehouse, rows)
        other_values += ids_that_look_otherwise(warehouse, dataset, rows)
    told = []
    if changed:
        verb = "differs" if len(changed) == 1 else "differ"
        told.append(
            f"{counted(len(changed), 'drop')} {verb} in columns from the others of the dataset: {some(changed)}. Undeclared ones are "
            "kept in _extra; map those that matter under [datasets]"
        )
    if renamed:
        told.append(f"Perhaps renamed: {some(renamed, 3)}")
    if other_values:
        told.append(
            f"Values of another kind than before: {some(other_values, 3)}. Ask the sender for the old form, or declare the new one under [datasets]"
        )
    if told:
        drops = {"drops": changed[:50], "renamed": renamed[:50], "other_values": other_values[:50]}
        return False, ". ".join(told), drops | {"reordered": reordered[:50]}
    if reordered:
        return (
            True,
            f"all drops of a dataset have the same columns; {counted(len(reordered), 'drop')} in another order, which reads the same",
            {"reordered": reordered[:50]},
        )
    return True, "all drops of a dataset have the same columns", {}


def _attributes_found(warehouse: Warehouse, settings: Settings) -> Answer:
    """An attribute that no drop has is empty for everyone: most likely its header is spelt otherwise."""
    missing = []
    count = 0
    for name, dataset in settings.datasets.items():
        rows = _loaded(warehouse, name)
        count += len(dataset.attributes) if rows else 0
        absent = [set(json.loads(row["absent_columns"] or "[]")) for row in rows]
        held = sorted({held for row in rows for held in json.loads(row["undeclared_columns"] or "[]")})
        for attribute, declared in dataset.attributes.items():
            if rows and all(attribute in lacking for lacking in absent):
                hint = unknown_key(declared.column, held, noun="column") if held else f"no column {declared.column!r}"
                missing.append(f"datasets.{name}.attributes.{attribute}: {hint}")
    if missing:
        return False, f"in no drop: {some(missing, 3)}. Mend it in sahara.toml, or take it out", {"missing": missing}
    return True, f"every one of {counted(count, 'declared attribute')} is in some drop", {"attributes": count}


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
        "every_file_is_claimed",
        "drops",
        "Every file in the drop folder that looks like a drop matches the patterns of a dataset.",
        False,
        _every_file_is_claimed,
    ),
    Question(
        "no_rejected_rows", "rejected_rows", "Every row could be typed and keeps the rules.", False, _no_rejected_rows
    ),
    Question(
        "no_drift",
        "drops",
        "All drops of a dataset have the same columns, with the same kind of values.",
        False,
        _no_drift,
    ),
    Question(
        "attributes_found",
        "drops",
        "Every declared attribute stands in some drop of its dataset.",
        True,
        _attributes_found,
    ),
    Question("nothing_stale", "drops", "Every drop was read under the present settings.", False, _nothing_stale),
)
"""The checks on this part of the pipeline, in the order they are told."""
