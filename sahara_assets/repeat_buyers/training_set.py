"""The point-in-time training set: what was known of customers at each cut-off, and whether they bought again after it.

Features come from the project's own feature code as of the cut-off (`features/past.py`), never from the tables of today. Whoever had not bought
by a cut-off is not part of it, whatever they did later. The label is another sale line from the cut-off on, within the horizon.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import ibis
import numpy as np

from sahara_assets.features.expressions import cut_off_of
from sahara_assets.features.feature_set import feature_set
from sahara_assets.features.past import basis_as_of, features_of, lines_as_of
from sahara_assets.repeat_buyers.periods import ROLES, Periods, TooLittleError, plan_periods
from sahara_assets.sales.subjects import is_counted_sale
from sahara_assets.tables.sales import PURCHASES
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import numpy.typing as npt
    import pyarrow as pa

    from sahara_assets.features.declarations import Feature
    from sahara_assets.repeat_buyers.periods import Role
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Row, Warehouse

BOUGHT_AGAIN = "bought_again"


@dataclass(frozen=True)
class Part:
    """The customers of one cut-off in one role.

    Attributes:
        role: what they are used for.
        cut_off, label_until: local.
        table: `customer_id`, every feature as of the cut-off, and `bought_again`; by customer id.
    """

    role: Role
    cut_off: datetime
    label_until: datetime
    table: pa.Table

    @cached_property
    def labels(self) -> npt.NDArray[np.bool_]:
        """Who bought again."""
        return np.array(self.table.column(BOUGHT_AGAIN).to_pylist(), dtype=bool)

    @property
    def ids(self) -> list[str]:
        """The customers."""
        ids: list[str] = self.table.column("customer_id").to_pylist()
        return ids

    @property
    def row(self) -> Row:
        """Its line of `repeat_buyer_training`, without its position."""
        buyers = int(self.labels.sum())
        return {
            "role": self.role,
            "cut_off": self.cut_off,
            "label_until": self.label_until,
            "customer_count": self.table.num_rows,
            "repeat_buyer_count": buyers,
            "repeat_share": buyers / self.table.num_rows if self.table.num_rows else 0.0,
        }


@dataclass(frozen=True)
class TrainingSet:
    """All parts, in the order of roles and cut-offs, with the declarations of their features."""

    parts: tuple[Part, ...]
    declarations: Mapping[str, Feature]
    periods: Periods

    def of(self, *roles: Role) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
        """The stacked tables and labels of some roles."""
        import pyarrow as pa

        chosen = [part for part in self.parts if part.role in roles]
        return pa.concat_tables([part.table for part in chosen]), np.concatenate([part.labels for part in chosen])

    def part(self, role: Role) -> Part:
        """The one part of a role."""
        return next(part for part in self.parts if part.role == role)

    @property
    def rows(self) -> list[Row]:
        """`repeat_buyer_training`."""
        return [{"position": position, **part.row} for position, part in enumerate(self.parts, start=1)]


def of_buyers(settings: Settings) -> Settings:
    """The settings with only buyers measured: nobody buys *again* who never bought."""
    return settings.model_copy(update={"features": settings.features.model_copy(update={"population": "buyers"})})


def window_of(warehouse: Warehouse, settings: Settings) -> tuple[datetime, datetime]:
    """The first sale and the end of the data, local.

    Raises:
        TooLittleError: nothing was sold.
    """
    end = cut_off_of(warehouse, of_buyers(settings))
    lines = warehouse.table(PURCHASES)
    sales = lines.filter(is_counted_sale(lines, settings) & lines.customer_id.notnull())
    first = warehouse.rows(sales.aggregate(first=sales.ordered_at_local.min()))[0]["first"]
    if end is None or first is None:
        raise TooLittleError("no known customer has bought anything yet, so nobody can have bought again")
    return first, end


def build_training_set(warehouse: Warehouse, settings: Settings) -> TrainingSet:
    """Every part of a training, each as of its cut-off.

    Raises:
        TooLittleError: the data are too short, or a part has too few customers or only one kind of them.
    """
    periods = plan_periods(*window_of(warehouse, settings), settings.repeat_buyers)
    parts = [_part(warehouse, settings, "train", cut_off, periods) for cut_off in periods.train]
    parts += halved(_part(warehouse, settings, "choose", periods.choose, periods), settings.project.seed)
    parts.append(_part(warehouse, settings, "report", periods.report, periods))
    found = TrainingSet(tuple(parts), feature_set(of_buyers(settings)).by_name, periods)
    for role in ROLES:
        _check_size([part for part in parts if part.role == role], settings.repeat_buyers.minimum_customers)
    return found


def customers_as_of(warehouse: Warehouse, settings: Settings, cut_off: datetime, until: datetime) -> pa.Table:
    """Everyone who had bought before a cut-off, with the settings' features as of it and whether they bought again before `until`; by customer id."""
    buyers = of_buyers(settings)
    declared, names = feature_set(buyers).by_name, settings.repeat_buyers.features
    # What files say of customers is put together as of the cut-off only where a feature asks for it.
    as_of = basis_as_of if any(declared[name].table != "purchases" for name in names) else lines_as_of
    features = features_of(as_of(warehouse, buyers, cut_off), names)
    lines = warehouse.table(PURCHASES)
    later = lines.filter(
        is_counted_sale(lines, settings)
        & (lines.ordered_at_local >= ibis.timestamp(cut_off.isoformat(sep=" ")))
        & (lines.ordered_at_local < ibis.timestamp(until.isoformat(sep=" ")))
    )
    again = later.filter(later.customer_id.notnull()).select(again_id=later.customer_id).distinct()
    joined = features.left_join(again, features.customer_id == again.again_id)
    wanted = joined.select("customer_id", *names, **{BOUGHT_AGAIN: joined.again_id.notnull()})
    return warehouse.arrow(wanted.order_by("customer_id"))


def _part(warehouse: Warehouse, settings: Settings, role: Role, cut_off: datetime, periods: Periods) -> Part:
    until = cut_off + periods.horizon
    return Part(role, cut_off, until, customers_as_of(warehouse, settings, cut_off, until))


def halved(part: Part, seed: int) -> list[Part]:
    """The customers of the cut-off that chooses, by a hash of their id: half of them choose, the others calibrate."""
    import pyarrow as pa

    first = np.array([hashlib.sha256(f"{seed}:{one}".encode()).digest()[0] % 2 == 0 for one in part.ids], dtype=bool)
    return [
        Part("choose", part.cut_off, part.label_until, part.table.filter(pa.array(first))),
        Part("calibrate", part.cut_off, part.label_until, part.table.filter(pa.array(~first))),
    ]


def _check_size(parts: Sequence[Part], fewest: int) -> None:
    """There are enough customers of both kinds in the parts of a role."""
    customers = sum(part.table.num_rows for part in parts)
    buyers = sum(int(part.labels.sum()) for part in parts)
    days = ", ".join(f"{part.cut_off:%Y-%m-%d}" for part in parts)
    said = f"too few customers to learn from at {days} ({parts[0].role}): {counted(customers, 'customer')}, of whom {buyers:,} bought again"
    if customers < fewest:
        raise TooLittleError(f"{said}; {fewest:,} are needed (repeat_buyers.minimum_customers)")
    least = max(fewest // 10, 2)
    if min(buyers, customers - buyers) < least:
        alike = "nobody bought again" if not buyers else "everybody bought again" if buyers == customers else said
        raise TooLittleError(
            f"{alike} of {counted(customers, 'customer')} at {days} ({parts[0].role}); at least {least:,} of each kind are needed to tell them apart: "
            "set another repeat_buyers.horizon_days, or wait for more data"
        )
