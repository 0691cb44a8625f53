"""How many ids of one file are found in another: a join that loses nearly everyone is no accident to be silent about.

Each `Join` is one place where the pipeline looks ids up. Where too few are found, it is asked whether leading zeros or capitals keep the
two sides apart, which is what a spreadsheet leaves behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.quality.questions import Answer, Question
from sahara_assets.tables.sales import PURCHASES

if TYPE_CHECKING:
    from collections.abc import Callable

    import ibis

    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse
    from sahara_assets.warehouse.expressions import Expression


@dataclass(frozen=True)
class Join:
    """One look-up of ids.

    Attributes:
        who: those who are looked up, in the plural.
        where: where they are looked for.
        column: the id.
        datasets: what must be configured for the question to make sense: the side that is looked up, then the other.
        sought: the ids, as a column `id`; repeats count once.
    """

    who: str
    where: str
    column: str
    datasets: tuple[str, str]
    sought: Callable[[Warehouse, Settings], ibis.Table]


def _buyers(warehouse: Warehouse, _: Settings) -> ibis.Table:
    lines = warehouse.table(PURCHASES)
    return lines.select(id=lines.customer_id)


def _customers_of_file(column: str) -> Callable[[Warehouse, Settings], ibis.Table]:
    def ids(warehouse: Warehouse, settings: Settings) -> ibis.Table:
        from sahara_assets.sales.lines import current_lines

        customers = current_lines(warehouse, settings, "customers")
        return customers.select(id=customers[column])

    return ids


JOINS: tuple[Join, ...] = (
    Join("customers on order lines", "the customer file", "customer_id", ("purchases", "customers"), _buyers),
    Join(
        "accounts of customers",
        "the accounts",
        "account_id",
        ("customers", "accounts"),
        _customers_of_file("account_id"),
    ),
    Join(
        "customers of the customer file",
        "the sign-ups",
        "customer_id",
        ("customers", "sign_ups"),
        _customers_of_file("customer_id"),
    ),
)
"""Every look-up between files, in the order they are told."""


@dataclass(frozen=True)
class Coverage:
    """How many ids there are, how many are found, and how many would be with leading zeros stripped or capitals alike on both sides."""

    join: Join
    ids: int
    found: int
    found_without_zeros: int
    found_in_lower_case: int

    @property
    def share(self) -> float:
        """The share that is found; all of none."""
        return self.found / self.ids if self.ids else 1.0

    @property
    def text(self) -> str:
        """As a person would say it."""
        return f"{self.found:,} of {self.ids:,} {self.join.who} are in {self.join.where}"

    @property
    def remedy(self) -> str:
        """What would bring the two sides together, where that is known."""
        better = {
            "strip_leading_zeros": self.found_without_zeros,
            "lower": self.found_in_lower_case,
        }
        normaliser, found = max(better.items(), key=lambda item: item[1])
        left, right = self.join.datasets
        column = self.join.column
        if found > self.found:
            return f'; {found:,} would be with normalise = {{ {column} = ["{normaliser}"] }} under both [datasets.{left}] and [datasets.{right}]'
        return f"; look at {column} in both files, or say under rules.least_joined that so few are right"


def coverage_of(warehouse: Warehouse, settings: Settings) -> list[Coverage]:
    """The coverage of every join whose two sides the project has rows of."""
    return [
        found
        for join in JOINS
        if all(dataset in settings.datasets for dataset in join.datasets)
        and (found := _coverage(warehouse, settings, join)) is not None
    ]


def _coverage(warehouse: Warehouse, settings: Settings, join: Join) -> Coverage | None:
    from sahara_assets.sales.lines import current_lines

    other = current_lines(warehouse, settings, join.datasets[1])
    known = other.select(id=other[join.column])
    if not warehouse.how_many(known):
        return None
    sought = join.sought(warehouse, settings)
    sought = sought.filter(sought.id.notnull()).distinct()
    ids = warehouse.how_many(sought)
    if not ids:
        return None
    return Coverage(
        join,
        ids,
        *(
            warehouse.how_many(sought.mutate(id=how(sought.id)).semi_join(known.mutate(id=how(known.id)), "id"))
            for how in (_as_they_are, _without_zeros, _in_lower_case)
        ),
    )


def _as_they_are(ids: Expression) -> Expression:
    return ids


def _without_zeros(ids: Expression) -> Expression:
    return ids.re_replace("^0+(.)", r"\1")


def _in_lower_case(ids: Expression) -> Expression:
    return ids.lower()


def _ids_join(warehouse: Warehouse, settings: Settings) -> Answer:
    coverages = coverage_of(warehouse, settings)
    counts = {f"{one.join.who} in {one.join.where}": {"ids": one.ids, "found": one.found} for one in coverages}
    few = [one for one in coverages if one.share < settings.rules.least_joined]
    if few:
        return False, ". ".join(f"only {one.text}{one.remedy}" for one in few), counts
    if not coverages:
        return True, "there are no two files to look ids up between", {}
    return True, "; ".join(one.text for one in coverages), counts


QUESTIONS: tuple[Question, ...] = (
    Question(
        "ids_join", "customers", "Ids of one file are found in the files that speak of the same.", False, _ids_join
    ),
)
"""The checks on this part of the pipeline, in the order they are told."""
