"""Watermarks: the values by which a source's new rows are told, how they are written down, and where the next extract begins.

Order is the database's business. Only what needs arithmetic is done here: the lookback, and the moment beyond which no watermark is
believed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING, Any, Literal

from sahara_assets.errors import SaharaError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sahara_assets.settings.extracts import ExtractSettings

Kind = Literal["moment", "local moment", "date", "whole number", "number", "text of a moment", "object id"]

_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d(?::?\d\d)?)?)?")
_DATE_LENGTH = 10


class ExtractError(SaharaError):
    """A database cannot be read as an extract says; other extracts and drops go on."""


@dataclass(frozen=True)
class Lookback:
    """How far below the newest watermark the next extract begins: a span for moments, a number for what counts."""

    span: timedelta | None
    units: int

    @classmethod
    def of(cls, extract: ExtractSettings) -> Lookback:
        """As an extract declares it."""
        span = extract.lookback_span
        return cls(span, 0 if isinstance(extract.lookback, str) else extract.lookback)

    def in_time(self) -> timedelta:
        """As a span.

        Raises:
            ExtractError: it is a number other than 0.
        """
        if self.span is None and self.units:
            raise ExtractError(
                f'lookback = {self.units} is a number, but the watermark is a moment; write a span such as "15 minutes"'
            )
        return self.span or timedelta(0)

    def in_units(self) -> int:
        """As a number.

        Raises:
            ExtractError: it is a span.
        """
        if self.span is not None:
            raise ExtractError("lookback is a span of time, but the watermark counts; write a number of units")
        return self.units


@dataclass(frozen=True)
class Watermark:
    """One value of a watermark column, as the database's driver gives it and takes it back."""

    kind: Kind
    value: Any

    @classmethod
    def of(cls, value: object) -> Watermark:
        """A driver's value.

        Raises:
            ExtractError: nothing of its kind can be a watermark.
        """
        if isinstance(value, datetime):
            return cls("local moment" if value.tzinfo is None else "moment", value)
        if isinstance(value, date):
            return cls("date", value)
        if isinstance(value, int) and not isinstance(value, bool):
            return cls("whole number", int(value))
        if isinstance(value, Decimal | float) and value == value and abs(value) != float("inf"):  # noqa: PLR0124 - NaN
            return cls("number", value)
        if isinstance(value, str) and _ISO.fullmatch(value):
            return cls("text of a moment", value)
        if type(value).__name__ == "ObjectId":
            return cls("object id", value)
        shown = repr(value)[:40]
        raise ExtractError(
            f"the watermark holds {shown}, which is no moment, date or number (a text must be ISO 8601, as 2026-01-31 08:00:00)"
        )

    @property
    def text(self) -> str:
        """The value as it is written down."""
        if isinstance(self.value, date):
            return self.value.isoformat()
        return f"float {self.value!r}" if isinstance(self.value, float) else str(self.value)

    @classmethod
    def read(cls, kind: Kind, text: str) -> Watermark:
        """What `kind` and `text` stand for.

        Raises:
            ValueError: they stand for nothing.
        """
        if kind in {"moment", "local moment"}:
            return cls(kind, datetime.fromisoformat(text))
        if kind == "date":
            return cls(kind, date.fromisoformat(text))
        if kind == "whole number":
            return cls(kind, int(text))
        if kind == "number":
            return cls(kind, float(text.removeprefix("float ")) if text.startswith("float ") else Decimal(text))
        if kind == "object id":
            from bson import ObjectId

            return cls(kind, ObjectId(text))
        if kind == "text of a moment" and _ISO.fullmatch(text):
            return cls(kind, text)
        raise ValueError(f"{kind!r} {text!r} is no watermark")

    def lower(self, lookback: Lookback) -> Watermark:
        """Where the next extract begins, itself included; never above what was asked for.

        Raises:
            ExtractError: the lookback is of another kind than the watermark.

        >>> at = Watermark("text of a moment", "2026-03-01 00:10:30")
        >>> at.lower(Lookback(timedelta(minutes=15), 0)).value
        '2026-02-28 23:55'
        >>> Watermark("whole number", 40).lower(Lookback(None, 7)).value
        33
        """
        if self.kind in {"whole number", "number"}:
            units = lookback.in_units()
            if isinstance(self.value, Decimal):
                # The usual context keeps 28 digits and rounds half of the time upwards, past rows that must be read again.
                return Watermark(
                    self.kind, Context(prec=1_000, rounding=ROUND_FLOOR).subtract(self.value, Decimal(units))
                )
            lower = self.value - units
            if isinstance(lower, float) and units:
                lower = math.nextafter(lower, -math.inf)
            return Watermark(self.kind, lower)
        span = lookback.in_time()
        if self.kind == "date":
            return Watermark(self.kind, _back(self.value, timedelta(days=-(-span // timedelta(days=1)))))
        if self.kind == "object id":
            # Its first four bytes are seconds; within one, ids of several machines are in no order.
            return Watermark(self.kind, type(self.value).from_datetime(_back(self.value.generation_time, span)))
        if self.kind == "text of a moment":
            return Watermark(self.kind, _text_before(self.value, span))
        return Watermark(self.kind, _back(self.value, span))

    def believed(self, now: datetime, zone: ZoneInfo) -> Watermark:
        """The same, but never later than now: one row dated years ahead must not hide all that comes until then.

        Args:
            now: naive UTC.
            zone: of moments without an offset.
        """
        moment = now.replace(tzinfo=UTC)
        if self.kind == "moment":
            return Watermark(self.kind, min(self.value, moment.astimezone(self.value.tzinfo)))
        local = moment.astimezone(zone).replace(tzinfo=None)
        if self.kind == "local moment":
            return Watermark(self.kind, min(self.value, local))
        if self.kind == "date":
            return Watermark(self.kind, min(self.value, local.date()))
        if self.kind == "object id" and self.value.generation_time > moment:
            return Watermark(self.kind, type(self.value).from_datetime(moment))
        if self.kind == "text of a moment":
            found = datetime.fromisoformat(self.value)
            limit = local if found.tzinfo is None else moment.astimezone(found.tzinfo)
            return Watermark(self.kind, _text_before(self.value, found - limit)) if found > limit else self
        return self


def _back(value: Any, span: timedelta) -> Any:  # noqa: ANN401 - a date or a moment
    try:
        return value - span
    except OverflowError:
        return type(value).min.replace(tzinfo=value.tzinfo) if isinstance(value, datetime) else date.min


def _text_before(value: str, span: timedelta) -> str:
    """A moment's text, set back by a span and cut after the minute: as a text it is below every writing of that minute's moments."""
    found = _back(
        datetime.fromisoformat(value),
        span if len(value) > _DATE_LENGTH else -(-span // timedelta(days=1)) * timedelta(days=1),
    )
    if len(value) == _DATE_LENGTH:
        return str(found.date().isoformat())
    return f"{found:%Y-%m-%d}{value[_DATE_LENGTH]}{found:%H:%M}"
