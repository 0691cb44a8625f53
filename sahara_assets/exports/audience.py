"""Customers and their segments → the audience files to write: which formats, keyed by what, with whom.

Pure: nothing is written here (`files.py`), nothing is read back (`lint.py`). The rulings that decide are the design's "Audience key":
`client_id` with the stream where customers have one and the stream is set, else `user_id`; a GA360 file only where there is a client id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sahara_assets.errors import SaharaError
from sahara_assets.exports.encode import split_rows
from sahara_assets.exports.formats import GA360_LIMIT_BYTES, KeyKind, Layout, ga4_layout, ga360_layout
from sahara_assets.exports.keys import REFUSED, ChosenKeys, LeftOut, choose_keys, is_present
from sahara_assets.exports.values import distinct_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from sahara_assets.settings.sections import ExportSettings

CUSTOMER_COLUMNS = ("customer_id", "segment", "segment_name", "tier", "client_id", "user_id", "last_ordered_at")


class AudienceError(SaharaError):
    """No audience file can be written from these customers and settings; the files of the last export stay as they are."""


@dataclass(frozen=True)
class SegmentCount:
    """One segment in one file: its key and name, the values that stand for it in the file, and how many customers it has there."""

    segment: int
    segment_name: str
    value: str
    tier_value: str
    customer_count: int


@dataclass(frozen=True)
class AudienceFile:
    """One file to be: its `rows` are columns named as in `header`, sorted bytewise by the first, all text and without nulls.

    `left_out` counts, by reason, the customers that the audience lacks. An audience above the upload limit comes in `parts`, each with
    the same header and the same `left_out`.
    """

    name: str
    layout: Layout
    rows: pa.Table
    left_out: Mapping[LeftOut, int]
    segments: tuple[SegmentCount, ...]
    part: int = 1
    parts: int = 1

    @property
    def header(self) -> tuple[str, ...]:
        """The columns' names, exactly as they stand in the file."""
        return self.layout.header


@dataclass(frozen=True)
class AudiencePlan:
    """All files of one export, how many customers there were, and what a person should know before uploading."""

    files: tuple[AudienceFile, ...]
    customer_count: int
    notices: tuple[str, ...]


def plan_audiences(
    customers: pa.Table | pa.RecordBatchReader | Iterable[Mapping[str, Any]],
    export: ExportSettings,
    *,
    ga360_limit_bytes: int = GA360_LIMIT_BYTES,
) -> AudiencePlan:
    """Decide which audience files these customers make, and with which rows.

    Args:
        customers: one row per customer with `CUSTOMER_COLUMNS`; an Arrow table or reader (quick) or mappings (a few seconds a million). Their
            order does not matter. `client_id`, `user_id` and `last_ordered_at` may be null.
        export: the stream id, the names of the user properties and the indexes of the custom dimensions.
        ga360_limit_bytes: above so many bytes the GA360 audience comes in several files, each of which can be uploaded.

    Raises:
        AudienceError: no customer could be written, most keys are personal data, or a setting makes a file that cannot be imported.
        ValueError: the customer table lacks a column, a segment or a tier, or gives one segment two names.
    """
    import pyarrow.compute as pc

    table = _customer_table(customers)
    if table.num_rows == 0:
        raise AudienceError(
            "there are no customers to export; the audience files of the last export are left as they are"
        )
    notices: list[str] = []
    has_client_ids = pc.any(is_present(table["client_id"].combine_chunks())).as_py()
    if has_client_ids:
        _check_stream_id(export)
    if has_client_ids and not export.stream_id:
        notices.append(
            "customers have a client_id, but export.stream_id is not set, so the GA4 file is keyed by user_id; set it to the web"
            " stream's number (Google Analytics: Admin, Data streams) to key the file by client_id"
        )
    key = KeyKind.CLIENT_ID if has_client_ids and export.stream_id else KeyKind.USER_ID
    layouts = [ga4_layout(key, export)]
    if has_client_ids:
        layouts.append(ga360_layout(export))

    written = _written_values(table, notices)
    chosen = {layout.key: _choose(table, layout.key, notices) for layout in layouts}
    files: list[AudienceFile] = []
    for layout in layouts:
        limit = ga360_limit_bytes if layout.limit_bytes else None
        files.extend(_files(layout, limit, table, chosen[layout.key], written, export.stream_id, notices))
    return AudiencePlan(tuple(files), table.num_rows, tuple(notices))


def _customer_table(customers: pa.Table | pa.RecordBatchReader | Iterable[Mapping[str, Any]]) -> pa.Table:
    import pyarrow as pa

    text = pa.string()
    kinds = dict.fromkeys(CUSTOMER_COLUMNS, text) | {"segment": pa.int64()}
    if isinstance(customers, pa.RecordBatchReader):
        customers = customers.read_all()
    elif not isinstance(customers, pa.Table):
        rows = list(customers)
        customers = pa.table({name: pa.array([row[name] for row in rows]) for name in CUSTOMER_COLUMNS})
    missing = [name for name in CUSTOMER_COLUMNS if name not in customers.column_names]
    if missing:
        raise ValueError(f"the customer table lacks {', '.join(missing)}")
    kinds["last_ordered_at"] = customers.schema.field("last_ordered_at").type
    table = customers.select(CUSTOMER_COLUMNS).cast(pa.schema(list(kinds.items())))
    for name in ("segment", "segment_name", "tier"):
        if table[name].null_count:
            raise ValueError(f"{table[name].null_count} customers have no {name}")
    return table


def _check_stream_id(export: ExportSettings) -> None:
    if export.stream_id.upper().startswith("G-"):
        raise AudienceError(
            f"export.stream_id is {export.stream_id!r}, which is a measurement id; the import wants the stream's number, which"
            " stands beside it (Google Analytics: Admin, Data streams)"
        )
    if export.stream_id and not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z_-]*", export.stream_id):
        raise AudienceError(
            f"export.stream_id is {export.stream_id!r}; the import wants the web stream's number, such as 1234567890"
        )


@dataclass(frozen=True)
class _Written:
    """What the files say for each segment: segments in order of their keys, names as they are, values as they are written."""

    segments: tuple[int, ...]
    names: tuple[str, ...]
    values: tuple[str, ...]
    tiers: tuple[str, ...]


def _written_values(table: pa.Table, notices: list[str]) -> _Written:
    known = table.group_by(["segment", "segment_name", "tier"]).aggregate([]).sort_by("segment").to_pydict()
    segments, names, tiers = known["segment"], known["segment_name"], known["tier"]
    twice = sorted({segment for segment in segments if segments.count(segment) > 1})
    if twice:
        raise ValueError(f"segment {twice[0]} has more than one name or tier among the customers")
    # Two segments stay two, even if they were named alike; two segments of one tier share it.
    values = distinct_values(names, "Segment")
    ranks = sorted(set(tiers))
    tier_of = dict(zip(ranks, distinct_values(ranks, "Tier"), strict=True))
    mended = [("segment", *pair) for pair in zip(names, values, strict=True)] + [
        ("tier", *pair) for pair in tier_of.items()
    ]
    notices.extend(
        f"the {what} {text!r} is written as {value!r}: 36 characters at most, one line, no formula, no two alike"
        for what, text, value in mended
        if text != value
    )
    return _Written(tuple(segments), tuple(names), tuple(values), tuple(tier_of[tier] for tier in tiers))


def _choose(table: pa.Table, key: KeyKind, notices: list[str]) -> ChosenKeys:
    import pyarrow.compute as pc

    if key is KeyKind.CLIENT_ID:
        source = "client_id"
    else:
        # Never both in one file: a customer id where the others have user ids would name nobody, or somebody else.
        source = "user_id" if pc.any(is_present(table["user_id"].combine_chunks())).as_py() else "customer_id"
    chosen = choose_keys(table, source, key)
    if 2 * chosen.personal > chosen.offered:
        raise AudienceError(
            f"{chosen.personal:,} of {chosen.offered:,} customers have a {source} that looks like an e-mail address or a phone"
            " number, which Google Analytics does not accept; map client_id or user_id (datasets.customers.columns in sahara.toml)"
            " to an id that is not personal data; the audience files of the last export are left as they are"
        )
    if len(chosen.rows) == 0:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in chosen.left_out.items())
        raise AudienceError(
            f"none of {table.num_rows:,} customers has a {source} that can be written ({reasons}); correct the mapping of {source}"
            " in sahara.toml, or remove it; the audience files of the last export are left as they are"
        )
    refused = [reason for reason in chosen.left_out if reason in REFUSED]
    if refused:
        reasons = ", ".join(f"{reason} {chosen.left_out[reason]:,}" for reason in refused)
        notices.append(f"customers are left out because their {source} must not be written: {reasons}")
    if 2 * len(chosen.rows) < table.num_rows:
        notices.append(
            f"only {len(chosen.rows):,} of {table.num_rows:,} customers have a {source} of their own that can be written; the"
            " others are left out, by reason in the manifest"
        )
    return chosen


def _files(
    layout: Layout,
    limit_bytes: int | None,
    table: pa.Table,
    chosen: ChosenKeys,
    written: _Written,
    stream_id: str,
    notices: list[str],
) -> list[AudienceFile]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(set(layout.header)) != len(layout.header):
        raise AudienceError(
            f"the {layout.format} file would have the header {','.join(layout.header)}, which names a column twice; change"
            " export.segment_property or export.tier_property"
        )
    places = pc.index_in(table["segment"].combine_chunks().take(chosen.rows), pa.array(written.segments, pa.int64()))
    columns = [chosen.keys]
    if "stream_id" in layout.header[:2]:
        columns.append(
            pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), len(chosen.rows)), [stream_id])
        )
    columns += [pa.DictionaryArray.from_arrays(places, list(values)) for values in (written.values, written.tiers)]
    parts = split_rows(pa.table(dict(zip(layout.header, columns, strict=True))), layout.header, limit_bytes)
    if len(parts) > 1:
        notices.append(
            f"the {layout.format} audience is above the upload limit and comes in {len(parts)} files; upload all of them"
        )
    return [
        AudienceFile(
            name=layout.name(number),
            layout=layout,
            rows=rows,
            left_out=chosen.left_out,
            segments=_count(rows, written),
            part=number,
            parts=len(parts),
        )
        for number, rows in enumerate(parts, start=1)
    ]


def _count(rows: pa.Table, written: _Written) -> tuple[SegmentCount, ...]:
    import pyarrow.compute as pc

    values = rows.column(rows.num_columns - 2)
    counts: dict[str, int] = {entry["values"]: entry["counts"] for entry in pc.value_counts(values).to_pylist()}
    return tuple(
        SegmentCount(segment, name, value, tier, counts.get(value, 0))
        for segment, name, value, tier in zip(
            written.segments, written.names, written.values, written.tiers, strict=True
        )
    )
