"""How the features that the settings bring are computed: one part a source, each a table by customer that `expressions.py` joins.

What there is to compute says `declared.py`. A part holds the customers that it knows something of; the others have nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import ibis

from sahara_assets.features.declared import (
    CategoryLines,
    Declared,
    Membership,
    OfAttribute,
    OfSessions,
    PartShare,
    WeekendShare,
)
from sahara_assets.settings.measuring import WEEKDAYS
from sahara_assets.warehouse.expressions import (
    Expression,
    attribute_date,
    attribute_flag,
    attribute_number,
    attribute_text,
    count_where,
    most_frequent,
    ratio,
    weekday_of,
    whole_days_between,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sahara_assets.features.expressions import Basis

Part = Callable[["Basis", Sequence[Declared]], ibis.Table]


def declared_parts(basis: Basis, declared: Sequence[Declared]) -> Iterator[ibis.Table]:
    """A table by customer for every source that some declared feature is computed from."""
    for recipes, part in _PARTS:
        mine = [one for one in declared if isinstance(one.recipe, recipes)]
        if mine:
            yield part(basis, mine)


def _by_orders(basis: Basis, declared: Sequence[Declared]) -> ibis.Table:
    """Shares of a customer's orders by when their first sale line was ordered."""
    sales = basis.known_sales
    # Local times that the clocks leap over are one moment in UTC: of lines of one moment the part decides, by its name.
    place = ibis.row_number().over(
        group_by=["customer_id", "order_id"], order_by=[sales.ordered_at, sales.ordered_at_local, sales.part_of_day]
    )
    placed = sales.mutate(place=place)
    orders = placed.filter(placed.place == 0).mutate(weekday=weekday_of(placed.ordered_at_local))
    met = {}
    for one in declared:
        if isinstance(one.recipe, PartShare):
            met[one.feature.name] = orders.part_of_day == one.recipe.part
        else:
            assert isinstance(one.recipe, WeekendShare)  # noqa: S101 - `_PARTS` says so
            met[one.feature.name] = orders.weekday.isin(sorted(WEEKDAYS.index(name) for name in one.recipe.days))
    counted = orders.group_by("customer_id").aggregate(
        order_total=orders.count(), **{name: count_where(condition) for name, condition in met.items()}
    )
    return counted.select("customer_id", **{name: ratio(counted[name], counted.order_total) for name in met})


def _by_category(basis: Basis, declared: Sequence[Declared]) -> ibis.Table:
    """Sale lines by what their category path matches."""
    sales = basis.known_sales
    counts = {}
    for one in declared:
        assert isinstance(one.recipe, CategoryLines)  # noqa: S101 - `_PARTS` says so
        counts[one.feature.name] = count_where(sales.category.re_search(one.recipe.pattern))
    return sales.group_by("customer_id").aggregate(**counts)


def _by_sessions(basis: Basis, declared: Sequence[Declared]) -> ibis.Table:
    """What a customer's sessions come to; a session is one row, so that nothing of it is added up twice."""
    sessions = basis.sessions.filter(basis.sessions.customer_id.notnull())
    totals, words = {}, []
    for one in declared:
        assert isinstance(one.recipe, OfSessions)  # noqa: S101 - `_PARTS` says so
        if one.recipe.how == "count":
            totals[one.feature.name] = sessions.count()
        elif one.recipe.how == "sum":
            totals[one.feature.name] = sessions[one.recipe.column].sum().cast("int64")
        else:
            words.append((one.recipe.column, one.feature.name))
    table = sessions.group_by("customer_id").aggregate(**totals)
    for column, name in words:
        usual = most_frequent(sessions, "customer_id", column, "started_at", name=name)
        table = table.left_join(usual, "customer_id").drop("customer_id_right")
    return table


def _by_customer(basis: Basis, declared: Sequence[Declared]) -> ibis.Table:
    """What the files say of a customer, reckoned at the cut-off."""
    customers = basis.customers
    values = {}
    for one in declared:
        if isinstance(one.recipe, OfAttribute):
            values[one.feature.name] = _of_attribute(customers.attributes, one.recipe, basis.cut_off)
        else:
            values[one.feature.name] = _days_since(customers.signed_up_on, basis.cut_off)
    return customers.select("customer_id", **values)


def _of_attribute(attributes: Expression, recipe: OfAttribute, cut_off: datetime) -> Expression:
    match recipe.form:
        case "word":
            return attribute_text(attributes, recipe.name)
        case "flag":
            flag = attribute_flag(attributes, recipe.name)
            return ibis.cases((flag, 1), (~flag, 0), else_=ibis.null("int64"))
        case "days_since":
            return _days_since(attribute_date(attributes, recipe.name), cut_off)
        case "age_of_year":
            year = attribute_number(attributes, recipe.name).cast("int64")
            return _not_below_zero(ibis.literal(cut_off.year) - year)
        case "age_of_date":
            born = attribute_date(attributes, recipe.name)
            had = (born.month() * 100 + born.day()) <= (cut_off.month * 100 + cut_off.day)
            return _not_below_zero(ibis.literal(cut_off.year) - born.year() - had.ifelse(0, 1))
        case _:
            return attribute_number(attributes, recipe.name)


def _days_since(day: Expression, cut_off: datetime) -> Expression:
    """Whole days from a day to the cut-off; null for a day that is still to come."""
    return _not_below_zero(whole_days_between(day.cast("timestamp"), cut_off))


def _not_below_zero(value: Expression) -> Expression:
    return (value >= 0).ifelse(value, ibis.null("int64"))


_PARTS: tuple[tuple[type | tuple[type, ...], Part], ...] = (
    ((PartShare, WeekendShare), _by_orders),
    (CategoryLines, _by_category),
    ((OfAttribute, Membership), _by_customer),
    (OfSessions, _by_sessions),
)
"""Which recipes each part computes."""
