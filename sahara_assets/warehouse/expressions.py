"""Ibis expressions that mean the same on every warehouse; the known gaps between engines are wrapped here, once.

Each has a parity test in the contract suite. Do not use `.delta(unit=...)`, casts of booleans, `hash()` or float literals such as
`1.0` elsewhere: engines disagree about them without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from sahara_assets.warehouse.compiling import ATTRIBUTE_FUNCTION, kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

Expression = Any
"""An Ibis value; Ibis has no types to check against."""

SECONDS_PER_DAY = 86_400
_PLACE_DIGITS = 12


def seconds_of(moment: Expression) -> Expression:
    """Whole seconds since 1970 of a naive timestamp, rounded down, as an integer."""
    # Cut to the second, because engines round the rest differently; as an instant, because BigQuery has no epoch of a local time.
    return moment.truncate("s").cast("timestamp('UTC')").epoch_seconds()


def plus_milliseconds(moment: Expression, milliseconds: Expression) -> Expression:
    """A naive timestamp so many milliseconds later."""
    # By way of an instant: BigQuery adds to those, and to local times by another function, which Ibis does not know.
    return (moment.cast("timestamp('UTC')") + milliseconds.as_interval("ms")).cast("timestamp(6)")


def seconds_between(earlier: Expression, later: Expression) -> Expression:
    """Whole seconds from one naive timestamp to another, each rounded down, as an integer."""
    return seconds_of(later) - seconds_of(earlier)


def first_known(value: Expression, place: Expression) -> Expression:
    """Of a group, the text at the lowest place (a whole number from 0) where there is one; null where there is none.

    One aggregate, where a window for each column would read the table once for each.
    """
    placed = place.cast("string").lpad(_PLACE_DIGITS, "0") + value
    return placed.min().substr(_PLACE_DIGITS)


def whole_days_between(earlier: Expression, later: datetime) -> Expression:
    """Whole days from a naive timestamp to a later moment, rounded down."""
    return (int_seconds(later) - seconds_of(earlier)) // SECONDS_PER_DAY


_SECONDS_PER_HOUR = 3_600
_WEEKS_SECONDS = 10_000 * 7 * SECONDS_PER_DAY
"""Many whole weeks: added to a moment before 1970 it makes the seconds positive, which engines divide alike."""


def weekday_of(moment: Expression) -> Expression:
    """The day of the week of a naive timestamp, from 0 for Monday: the first day of 1970 was a Thursday."""
    return ((seconds_of(moment) + _WEEKS_SECONDS) // SECONDS_PER_DAY + 3) % 7


def hour_of(seconds: Expression) -> Expression:
    """The hour of the day, from 0 to 23, of whole seconds since 1970."""
    return ((seconds + _WEEKS_SECONDS) // _SECONDS_PER_HOUR) % 24


def int_seconds(moment: datetime) -> int:
    """Seconds since 1970 of a naive moment.

    >>> from datetime import datetime
    >>> int_seconds(datetime(1970, 1, 2))
    86400
    """
    from datetime import UTC

    return int(moment.replace(tzinfo=UTC).timestamp())


def count_where(condition: Expression) -> Expression:
    """How many rows meet a condition; 0 rather than null for an empty group."""
    return condition.ifelse(1, 0).sum().coalesce(0)


def money(value: Expression) -> Expression:
    """As DECIMAL(18,4): what money and quantities are on every warehouse."""
    # Rounded first: a cast to NUMERIC keeps nine decimals on BigQuery.
    return value.round(4).cast("decimal(18, 4)")


def money_where(condition: Expression, value: Expression) -> Expression:
    """Exact sum of the values whose rows meet a condition; 0 for none."""
    return money(condition.ifelse(value, ibis.literal(0).cast("decimal(18, 4)")).sum().coalesce(0))


def ratio(numerator: Expression, denominator: Expression) -> Expression:
    """Exact totals divided as floats; 0 where the denominator is 0."""
    below = denominator.cast("float64")
    return (denominator == 0).ifelse(ibis.literal(0).cast("float64"), numerator.cast("float64") / below.nullif(0))


def money_each(total: Expression, count: Expression) -> Expression:
    """An amount divided among so many, with four decimals, halves up; null where there are none.

    Engines divide decimals as doubles, or with other numbers of places, and then disagree about halves (10.01 among 8). So their quotient is
    only a guess, which exact products mend.
    """
    smallest = ibis.literal("0.0001").cast("decimal(18, 4)")
    guess = money(total.cast("float64") / count.cast("float64").nullif(ibis.literal(0).cast("float64")))
    left = (total - guess * count) * 2
    step = (left >= smallest * count).ifelse(
        smallest, (left < -(smallest * count)).ifelse(-smallest, smallest - smallest)
    )
    return money(guess + step)


def double(value: float) -> Expression:
    """A number as a double, to its last bit.

    By way of its shortest text: engines read a literal with a point as a decimal first, and what they make of that is off by a bit at times.
    """
    return ibis.literal(repr(float(value))).cast("float64")


def any_row(condition: Expression) -> Expression:
    """Whether any row of a group meets a condition."""
    return count_where(condition) > 0


@kept
def most_frequent(lines: ibis.Table, by: str, value: str, moment: str, *, name: str | None = None) -> ibis.Table:
    """Per `by`, the most frequent `value` that is not null; ties go to the latest by `moment`, then to the smaller text.

    Returns:
        One row per `by` that has a value at all, with columns `by` and `name` (the value's own name by default).
    """
    counted = (
        lines.filter(lines[value].notnull())
        .group_by([by, value])
        .aggregate(times=lambda t: t.count(), latest=lambda t: t[moment].max())
    )
    place = ibis.row_number().over(
        group_by=by, order_by=[counted.times.desc(), counted.latest.desc(), counted[value].asc()]
    )
    ranked = counted.mutate(place=place)
    return ranked.filter(ranked.place == 0).select(by, **{name or value: ranked[value]})


@kept
def latest(lines: ibis.Table, by: str, value: str, moment: str, *, name: str | None = None) -> ibis.Table:
    """Per `by`, the `value` that is not null on its latest row by `moment`; ties go to the greater text."""
    known = lines.filter(lines[value].notnull())
    place = ibis.row_number().over(group_by=by, order_by=[known[moment].desc(), known[value].desc()])
    ranked = known.mutate(place=place)
    return ranked.filter(ranked.place == 0).select(by, **{name or value: ranked[value]})


def starts_with_code(text: Expression, prefixes: Sequence[str]) -> Expression:
    """Whether a text is one of the prefixes followed by a digit."""
    hit: Expression = ibis.literal(value=False)
    for prefix in prefixes:
        following = text.substr(len(prefix), 1)
        hit = hit | (text.startswith(prefix) & (following >= "0") & (following <= "9"))
    return hit


def is_one_of(text: Expression, words: Iterable[str]) -> Expression:
    """Whether a text is one of some words; false for none."""
    listed = sorted(words)
    return text.isin(listed) if listed else ibis.literal(value=False)


@kept
def ids_of_both(one: ibis.Table, other: ibis.Table, column: str) -> ibis.Table:
    """The different values of a text column in either table."""
    # Ibis refuses to unite a column that may be null with one that may not: both are made to be able to.
    text = {column: "string"}
    return ibis.union(one.select(column).cast(text), other.select(column).cast(text), distinct=True)


# --- attributes: JSON text that `drops/attributes.py` writes ---------------------------------------------------------------------


@ibis.udf.scalar.builtin(name=ATTRIBUTE_FUNCTION)  # type: ignore[untyped-decorator]
def _attribute(attributes: str, key: str) -> str:  # type: ignore[empty-body]
    """Stands for the engine's own way to read a value out of JSON text: Ibis writes JSON that neither Postgres nor BigQuery reads."""


def attribute_text(attributes: Expression, name: str) -> Expression:
    """The text of one attribute; null where there is none."""
    return _attribute(attributes, name)


def attribute_number(attributes: Expression, name: str) -> Expression:
    """A number as DECIMAL(18,4)."""
    return money(_attribute(attributes, name).cast("decimal(18, 4)"))


def attribute_date(attributes: Expression, name: str) -> Expression:
    """A day."""
    return _attribute(attributes, name).cast("date")


def attribute_flag(attributes: Expression, name: str) -> Expression:
    """Yes or no; null where it is not known."""
    return _attribute(attributes, name) == "true"


def attributes_of(texts: Mapping[str, Expression], bare: Iterable[str]) -> Expression:
    """Texts of attributes as one canonical JSON text; null where none has a value.

    Args:
        texts: by name; null for no value.
        bare: the names whose values stand without quotes: flags.
    """
    plain = set(bare)
    document: Expression = ibis.literal("")
    for name in sorted(texts):
        text = texts[name]
        if name not in plain:
            text = ibis.literal('"') + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        document = document + (ibis.literal(f',"{name}":') + text).coalesce("")
    return (document == "").ifelse(ibis.null("string"), ibis.literal("{") + document.substr(1) + "}")
