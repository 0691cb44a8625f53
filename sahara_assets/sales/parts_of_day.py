"""Which part of the day a moment falls in, by the clock and the boundaries of the settings, the same on every warehouse.

What the parts are is set in `[parts_of_day]`. Warehouses know other editions of the zones' rules than Python does, so a zone that is
neither UTC nor the project's is laid out here as the offsets that held between the first and the last moment.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import ibis

from sahara_assets.warehouse.expressions import Expression, hour_of, int_seconds, seconds_of

if TYPE_CHECKING:
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

_UTC_NAMES = frozenset({"UTC", "Etc/UTC", "Etc/GMT", "GMT", "Zulu"})


def part_of_day(warehouse: Warehouse, lines: ibis.Table, settings: Settings) -> Expression:
    """The part of the day of each line.

    Args:
        warehouse: where the lines are; asked for their first and last moment where the zone needs it.
        lines: with `ordered_at` (UTC) and `ordered_at_local` (the project's zone).
        settings: `[parts_of_day]` and the project's zone.
    """
    zone = settings.parts_of_day.time_zone or settings.project.time_zone
    if zone == settings.project.time_zone:
        hour = lines.ordered_at_local.hour()
    elif zone in _UTC_NAMES:
        hour = lines.ordered_at.hour()
    else:
        hour = _hour_in(zone, warehouse, lines)
    parts = settings.parts_of_day.parts
    # From the latest start down; before the first start it is still the last part, which began the day before.
    branches = [(hour >= start, name) for name, start in reversed(parts) if start > 0]
    if not branches:
        return ibis.literal(parts[0][0])
    before_all = parts[0][0] if parts[0][1] == 0 else parts[-1][0]
    return ibis.cases(*branches, else_=before_all)


def _hour_in(zone: str, warehouse: Warehouse, lines: ibis.Table) -> Expression:
    span = warehouse.rows(lines.aggregate(first=lines.ordered_at.min(), last=lines.ordered_at.max()))[0]
    seconds = seconds_of(lines.ordered_at)
    if span["first"] is None:
        return seconds * 0
    (_, offset), *changes = offsets_between(zone, span["first"], span["last"])
    shift: Expression = ibis.literal(offset)
    if changes:
        branches = [(seconds >= int_seconds(since), later) for since, later in reversed(changes)]
        shift = ibis.cases(*branches, else_=offset)
    return hour_of(seconds + shift)


def offsets_between(zone: str, first: datetime, last: datetime) -> list[tuple[datetime, int]]:
    """The offsets from UTC that a zone has from one moment to another, in seconds, each with the moment (naive UTC) from which it holds.

    >>> from datetime import datetime
    >>> offsets_between("America/Los_Angeles", datetime(2017, 9, 27), datetime(2018, 1, 1))
    [(datetime.datetime(2017, 9, 27, 0, 0), -25200), (datetime.datetime(2017, 11, 5, 9, 0), -28800)]
    """
    clock = ZoneInfo(zone)

    def offset(moment: datetime) -> int:
        shift = moment.replace(tzinfo=UTC).astimezone(clock).utcoffset()
        return 0 if shift is None else int(shift.total_seconds())

    found = [(first, offset(first))]
    at = first
    while at < last:
        # No zone has changed its clocks twice within a day.
        following = min(at + timedelta(days=1), last)
        if offset(following) != offset(at):
            low, high = at, following
            while high - low > timedelta(seconds=1):
                middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
                low, high = (low, middle) if offset(middle) != offset(at) else (middle, high)
            since = high.replace(microsecond=0) if high.microsecond else high
            found.append((since, offset(since)))
        at = following
    return found
