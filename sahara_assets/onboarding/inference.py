"""From the counts of a scan to settings of one dataset: encoding, dates, ids, keys, and what a person should watch out for.

One function a finding. Which files and columns the dataset has was settled before, in `propose.py` and `mapping.py`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any

from sahara_assets.drops.numbers import LOST_ID, marks_of
from sahara_assets.onboarding.amounts import Amounts, decide_amounts
from sahara_assets.onboarding.countries import SYMBOLS, is_currency
from sahara_assets.onboarding.dates import DateFormats, confirmed, decide
from sahara_assets.onboarding.dialect import named
from sahara_assets.onboarding.proposal import Finding, Normalising, percent
from sahara_assets.onboarding.values import is_empty
from sahara_assets.settings.dataset import DatasetSettings
from sahara_assets.tables.columns import Kind
from sahara_assets.tables.datasets import DATASETS
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sahara_assets.drops.content import Format
    from sahara_assets.onboarding.sampling import Group
    from sahara_assets.onboarding.scan import Scan
    from sahara_assets.tables.columns import Column
    from sahara_assets.tables.datasets import Dataset

_AUTO_DELIMITERS = frozenset(",;\t|")
_MOSTLY_READ = 0.95
"""Share of the values that a date format must read, so that the others are bad values and no proof against it."""
DATE_COLUMNS = {"purchases": "ordered_at", "customers": "signed_up_on", "sign_ups": "signed_up_on"}


def delimiter(groups: Sequence[Group]) -> Finding[str]:
    """The one delimiter of all groups, or `auto` where they differ."""
    main = groups[0]
    found = {group.dialect.delimiter for group in groups}
    if len(found) > 1 and found <= _AUTO_DELIMITERS:
        return Finding("auto", 0.8, f"the files differ: {', '.join(sorted(map(named, found)))}")
    return Finding(main.dialect.delimiter, main.sure.get("delimiter", 0.5), main.evidence.get("delimiter", ""))


def quote(groups: Sequence[Group]) -> Finding[str]:
    """The quote character."""
    main = groups[0]
    return Finding(main.dialect.quote, main.sure.get("quote", 0.5), main.evidence.get("quote", ""))


def rest_of_dialect(groups: Sequence[Group]) -> tuple[tuple[str, Finding[Any]], ...]:
    """What else the settings must say of the dialect, key by key: only what is not as it usually is."""
    main = groups[0]
    declared: dict[str, object] = {
        "escape": main.dialect.escape,
        "record_delimiter": main.dialect.record_delimiter.removesuffix("\n") and main.dialect.record_delimiter,
        "comment": main.dialect.comment,
        "totals": list(main.dialect.totals),
    }
    if main.dialect.header_lines != 1:
        declared["header_lines"] = main.dialect.header_lines
    if not main.has_header:
        # Without names nothing proves where the rows begin.
        declared["skip_lines"] = main.dialect.skip_lines
    found = {name: value for name, value in declared.items() if value or name == "header_lines"}
    told = [
        (name, Finding(value, main.sure.get(name, 0.5), main.evidence.get(name, ""))) for name, value in found.items()
    ]
    if not main.has_header:
        why = "the files name no column: give each its name, in their order; those are made up"
        told.append(("column_names", Finding(list(main.header), 0.3, why)))
    return tuple(told)


def encoding(scan: Scan) -> Finding[str]:
    """The encoding that reads every file, from all the bytes that were read."""
    bom = f"; {counted(scan.bom_files, 'file')} with a byte order mark" if scan.bom_files else ""
    if not scan.encodings:
        return Finding("utf-8", 0.85, f"every byte read is ASCII, which UTF-8 and Windows-1252 write alike{bom}")
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(scan.encodings.items()))
    if any(name.startswith("utf-16") for name in scan.encodings):
        # Its byte order mark or its bytes tell it; `auto` sees them, and reads the other files as well.
        return Finding("auto", 0.95, f"UTF-16, told by its bytes file by file ({counts}){bom}")
    if len(scan.encodings) > 1:
        return Finding("auto", 0.8, f"the files differ ({counts}), so each is looked at by itself{bom}")
    name, files = next(iter(scan.encodings.items()))
    why = "valid UTF-8 beyond ASCII" if name == "utf-8" else "bytes beyond ASCII that are not valid UTF-8"
    return Finding(name, 0.98 if name == "utf-8" else 0.85, f"{counted(files, 'file')} with {why}{bom}")


def file_format(formats: Mapping[Format, int]) -> Finding[str]:
    """How the files hold their rows; each is told by its first bytes."""
    names: dict[Format, str] = {"csv": "CSV", "jsonl": "JSON lines", "json": "one JSON array", "parquet": "Parquet"}
    listed = ", ".join(f"{counted(formats[form], 'file')} of {names[form]}" for form in sorted(formats))
    return Finding("csv" if set(formats) == {"csv"} else "auto", 0.95, f"{listed}, told by their first bytes")


def amounts(declared: Dataset, scan: Scan) -> Amounts:
    """How the numbers of a dataset are written, from all values of its number columns."""
    numbers = [column for column in scan.values if declared.column(column).kind is Kind.DECIMAL]
    return decide_amounts({column: scan.values[column] for column in numbers})


def decimal_mark(groups: Sequence[Group], written: Amounts) -> Finding[str]:
    """The decimal mark, from all numbers; where these have none, from the group with the best evidence."""
    if written.sure > 0.5:
        return Finding(written.form.decimal_mark, written.sure, written.evidence)
    best = max(groups, key=lambda group: group.mark_sure)
    return Finding(best.mark, best.mark_sure, best.mark_evidence)


def dates(declared: Dataset, scan: Scan, mark: str, separator: str) -> DateFormats | None:
    """The date formats of the dataset's dates, all of them together; nothing where it has none."""
    name = declared.name
    columns = [column for column in (DATE_COLUMNS.get(name, ""), *sorted(declared.attributes)) if column in scan.values]
    columns = [column for column in columns if declared.column(column).kind in {Kind.DATE, Kind.TIMESTAMP}]
    if not columns:
        return None
    hint = (-0.6 if mark == "," else 0.0) + (-0.3 if separator == ";" else 0.0) + _us_hint(scan.values)
    everything = [value for column in columns for value in scan.values[column]]
    in_order = scan.ordered_dates if name == "purchases" else everything
    values = [value for value in dict.fromkeys([*in_order, *everything]) if not is_empty(value)]
    found = decide(values, scan.date_files, month_first_hint=hint)
    if not found.formats:
        return found
    tried = [value.strip() for value in values[:5000]]
    read = confirmed(tried, found.formats)
    if len(tried) - read <= found.unread:
        return found
    # A few that DuckDB cannot read are bad values; many are a sign that the format is another.
    share = read / len(tried)
    return replace(
        found,
        sure=found.sure * share if share >= _MOSTLY_READ else min(found.sure, 0.5),
        evidence=f"{found.evidence}; DuckDB reads {read:,} of {len(tried):,} values so",
        unread=len(tried) - read,
    )


def _us_hint(values: Mapping[str, Counter[str]]) -> float:
    currencies, countries = values.get("currency", Counter()), values.get("country", Counter())
    hint = 0.0
    if currencies and currencies.most_common(1)[0][0].strip().upper() == "USD":
        hint += 0.5
    if countries:
        hint += (
            0.6
            if countries.most_common(1)[0][0].strip().lower()
            in {"us", "usa", "united states", "united states of america"}
            else -0.3
        )
    if any("$" in value for value in islice(values.get("unit_price", ()), 20)):
        hint += 0.3
    return hint


def normalise(name: str, scan: Scan) -> tuple[Normalising, ...]:
    """What the ids need: a float suffix taken off, or leading zeros where the same id comes with and without."""
    found = []
    for column in DATASETS[name].identifiers:
        values = Counter(
            {value.strip(): count for value, count in scan.values.get(column, {}).items() if not is_empty(value)}
        )
        if not values:
            continue
        floats = sum(count for value, count in values.items() if value.endswith(".0") and value[:-2].isdigit())
        whole = sum(count for value, count in values.items() if value.isdigit())
        if floats and floats + whole >= 0.99 * values.total():
            found.append(
                Normalising(
                    column,
                    ("strip_float_suffix",),
                    0.97,
                    f"{counted(floats, 'value is', 'values are')} written as {next(value for value in values if value.endswith('.0'))!r}",
                )
            )
            continue
        zeros = [value for value in values if value.startswith("0") and value.strip("0")]
        both = [value for value in zeros if value.lstrip("0") in values]
        if both:
            found.append(
                Normalising(
                    column,
                    ("strip_leading_zeros",),
                    0.7,
                    f"{counted(len(both), 'id comes', 'ids come')} with and without leading zeros, such as {both[0]!r}",
                )
            )
    return tuple(found)


def null_values(scan: Scan) -> Finding[tuple[str, ...]]:
    """Texts that mean no value, where the files write others than the settings know by themselves."""
    usual = tuple(DatasetSettings().null_values)
    others: Counter[str] = Counter()
    for values in scan.values.values():
        others.update(
            {
                value.strip(): count
                for value, count in values.items()
                if value.strip() and is_empty(value) and value.strip() not in usual
            }
        )
    if not others:
        return Finding((), 0.0, "")
    return Finding(
        (*usual, *sorted(others)),
        0.8,
        f"{', '.join(f'{word!r} in {count:,} cells' for word, count in sorted(others.items()))} of the mapped columns",
    )


def key(name: str, scan: Scan) -> Finding[bool | None]:
    """Whether the dataset's key is unique, and for purchases what repeats mean."""
    if not scan.key:
        return Finding(None, 0.0, "the key's columns were not all found")
    label = " and ".join(scan.key)
    sure = 0.97 if scan.whole else 0.7
    if name != "purchases":
        if scan.repeated_keys:
            return Finding(
                False,
                sure,
                f"{label} is NOT unique: {counted(scan.repeated_keys, 'row')} of {scan.extent} {'repeats' if scan.repeated_keys == 1 else 'repeat'} one; of the same key the later line wins, and a newer file before an older one",
            )
        return Finding(True, sure, f"{label} is unique in {scan.extent}")
    if not scan.repeated_keys:
        return Finding(True, sure, f"{label} are unique in {scan.extent}, so every line is one product of one order")
    exact = (
        f"{counted(scan.repeated_rows, 'line equals', 'lines equal')} another of the same file in every column"
        if scan.repeated_rows
        else "no two lines are equal in every column"
    )
    return Finding(
        False,
        sure,
        f"{label} are not unique: {counted(scan.repeated_keys, 'line')} of {scan.extent} {'repeats' if scan.repeated_keys == 1 else 'repeat'} a pair, and {exact}; repeats inside one file count as real lines, the same line in two files counts once",
    )


def currency(scan: Scan | None, groups: Sequence[Group], written: Amounts | None = None) -> Finding[str]:
    """The project's currency, from a currency column, a sign in the prices or a word in the header."""
    if scan and (
        found := Counter(
            {
                value.strip().upper(): count
                for value, count in scan.values.get("currency", {}).items()
                if not is_empty(value)
            }
        )
    ):
        if len(found) == 1:
            only = next(iter(found))
            return (
                Finding(only, 0.97, f"the only value of the currency column in {scan.extent}")
                if is_currency(only)
                else Finding("", 0.0, f"the currency column holds {only!r}, which is no ISO code")
            )
        listed = ", ".join(f"{name} {count:,}" for name, count in found.most_common(6))
        return Finding("", 0.0, f"several currencies on the lines ({listed}): choose one and give rates for the others")
    if written and written.signs:
        told = {code for code in written.form.currencies if all(sign in marks_of(code) for sign in written.signs)}
        if len(told) == 1:
            return Finding(told.pop(), 0.9, f"{' and '.join(written.signs)} beside the prices")
    signs: Counter[str] = Counter()
    for group in groups:
        for profile in group.profiles:
            for sign, code in SYMBOLS.items():
                if sign in profile.header or (
                    profile.decorated_share > 0.5
                    and sum(sign in value for value in profile.counts) > 0.5 * profile.distinct
                ):
                    signs[code] += 1
    if signs:
        return Finding(signs.most_common(1)[0][0], 0.8, "the currency sign beside the prices")
    return Finding("", 0.0, "no column and no sign tells it")


def warnings(
    declared: Dataset,
    scan: Scan,
    groups: Sequence[Group],
    columns: Mapping[str, str],
    written: Amounts,
    found_dates: DateFormats | None,
) -> list[str]:
    """What would be rejected or read otherwise than a person expects."""
    told: list[str] = []
    name = declared.name
    for column, header in columns.items():
        told += _column_warnings(declared.column(column), header, scan.values[column], declared, written)
    rows, example = written.percentages
    if rows:
        told.append(
            f"{counted(rows, 'number is a percentage', 'numbers are percentages')}, such as {example!r}: no quantity or price is one, so {'it' if rows == 1 else 'they'} would be rejected unless `percent` says what they mean"
        )
    told += _id_warnings(scan, columns)
    if found_dates and found_dates.undecided:
        told.insert(
            0,
            f"DAY OR MONTH FIRST could not be decided: {', '.join(found_dates.formats)} is likelier ({percent(found_dates.sure)}); {found_dates.evidence}. Look at one date you know.",
        )
    if found_dates and found_dates.unread:
        told.append(f"{counted(found_dates.unread, 'distinct date')} cannot be read and would be rejected")
    if found_dates and name == "purchases" and not found_dates.has_time:
        told.append("the dates have no time of day, so every order stands at midnight")
    if groups[0].dialect.skip_lines and groups[0].has_header:
        told.append(
            f"{counted(groups[0].dialect.skip_lines, 'line stands', 'lines stand')} before the header, kept as {'a reject' if groups[0].dialect.skip_lines == 1 else 'rejects'}, and the header is found by its names"
        )
    if scan.ragged:
        told.append(
            f"{counted(scan.ragged, 'line has', 'lines have')} more or fewer fields than the header and would be rejected"
        )
    if not all(group.has_header for group in groups):
        told.append(
            f"the files have no header line ({groups[0].header_evidence}); the columns were told by what they hold, so look at every one"
        )
    return told


def _column_warnings(
    column: Column, header: str, values: Mapping[str, int], declared: Dataset, written: Amounts
) -> list[str]:
    told = []
    empty = sum(count for value, count in values.items() if is_empty(value))
    if column.name in declared.required and empty:
        told.append(f"{header!r} ({column.name}) is empty in {counted(empty, 'row')}, which would be rejected")
    if column.name in written.unread:
        rows, example = written.unread[column.name]
        told.append(
            f"{header!r} ({column.name}) is no number in {counted(rows, 'row')}, such as {example[:40]!r}, which would be rejected"
        )
    if column.name in declared.identifiers:
        told += lost_digits(column.name, header, values)
    if column.kind is Kind.TEXT and any("¤" in value for value in values):
        told.append(
            f"{header!r} ({column.name}) holds '¤', which is a euro sign where the text is ISO-8859-15; if so, set encoding = \"iso-8859-15\""
        )
    return told


def lost_digits(column: str, header: str, values: Mapping[str, int]) -> list[str]:
    """What a spreadsheet did to ids: rounded long ones, and took leading zeros off."""
    told = []
    rounded = {text.strip(): count for text, count in values.items() if re.fullmatch(LOST_ID, text.strip())}
    if rounded:
        told.append(
            f"{header!r} ({column}) was rounded by a spreadsheet in {counted(sum(rounded.values()), 'row')}, such as {next(iter(rounded))!r}: the id is lost and the row would be rejected; export it as text"
        )
    ids = [text for text in (value.strip().removesuffix(".0") for value in values) if text.isdigit() and text.isascii()]
    lengths = Counter(map(len, ids))
    if len(ids) < 20 or len(ids) < 0.95 * sum(not is_empty(value) for value in values) or len(lengths) < 2:
        return told
    longest = max(lengths)
    short = len(ids) - lengths[longest]
    padded = sum(text.startswith("0") for text in ids if len(text) == longest)
    # Of ids of one length that use all their digits, up to 99999, a tenth begins with a zero; a running number looks otherwise.
    highest = max(text for text in ids if len(text) == longest)
    as_lost = 0.03 <= short / len(ids) <= 0.2 and highest >= f"9{'5' * (longest - 1)}"
    if longest >= 4 and (padded or as_lost):
        how = (
            f"{counted(padded, 'other')} of {longest} {'begins' if padded == 1 else 'begin'} with one"
            if padded
            else f"nearly all have {longest} digits"
        )
        told.append(
            f"{header!r} ({column}) may have lost leading zeros: {counted(short, 'id has', 'ids have')} fewer than {longest} digits, and {how}; compare one with the shop system, and export ids as text"
        )
    return told


def _id_warnings(scan: Scan, columns: Mapping[str, str]) -> list[str]:
    told = []
    customers = [value for value in scan.values.get("customer_id", {}) if not is_empty(value)]
    mails = sum("@" in value for value in customers)
    if mails > 0.5 * len(customers) and customers:
        told.append(
            f"{columns['customer_id']!r} holds e-mail addresses: customers can be told apart by them, but no audience file is keyed by an e-mail address"
        )
    products = [value for value in scan.values.get("product_id", {}) if not is_empty(value)]
    folded = len({value.lower() for value in products})
    if folded < len(products):
        told.append(
            f"{counted(len(products) - folded, 'product id differs', 'product ids differ')} from another by case only; they stay apart (ids are never case-folded)"
        )
    return told
