"""Numbers, money, shares and dates as a marketer reads them; text made safe to print.

Only wording lives here: what is said about which number is decided in `page.py` and in the charts. Month names and separators are
our own rather than the locale's, so that the same data gives the same bytes on every machine.
"""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation

NO_VALUE = "–"
"""What stands where there is no number."""

# Our own context: the process's may round to even, which no reader expects, or have been changed by somebody else.
_CONTEXT = Context(prec=60, rounding=ROUND_HALF_UP)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# What neither XML 1.0 nor HTML may hold: control characters, lone surrogates, the two non-characters.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def printable(text: object) -> str:
    r"""The text with every character that XML forbids shown as U+FFFD.

    >>> printable("A\x00B")
    'A\ufffdB'
    """
    return _UNPRINTABLE.sub("\ufffd", str(text))


def shortened(text: object, length: int) -> str:
    """The text cut to `length` characters, an ellipsis included where something was cut.

    >>> shortened("WHITE HANGING HEART", 9)
    'WHITE HA…'
    """
    words = printable(text)
    return words if len(words) <= length else f"{words[: length - 1].rstrip()}…"


def number_or_none(value: object) -> float | None:
    """The value as a float; None for null, NaN, infinity, anything that is no number, and numbers beyond 1e300, which nothing counts.

    >>> number_or_none(Decimal("2.50")), number_or_none("x"), number_or_none(float("nan"))
    (2.5, None, None)
    """
    if value is None or isinstance(value, (bool, bytes, date)):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) <= 1e300 else None


def _exact(value: object) -> Decimal | None:
    """The value as a finite Decimal: rounding a float's shortest text rather than its binary value."""
    if number_or_none(value) is None:
        return None
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def figure(value: object, decimals: int = 0) -> str:
    """A number with thousands separators and a true minus sign; a billion and more is said in words.

    >>> figure(541909), figure(-1234.56, 1), figure(None), figure(8_911_407_904)
    ('541,909', '−1,234.6', '–', '8.91 billion')
    """
    exact = _exact(value)
    if exact is None:
        return NO_VALUE
    size = exact.copy_abs()  # abs() would round by the process's context
    if size >= Decimal("1e15"):
        exponent = size.adjusted()
        text = f"{_to_decimals(size.scaleb(-exponent, _CONTEXT), 2)} × 10^{exponent}"
    elif size >= Decimal("1e12"):
        text = f"{_to_decimals(size.scaleb(-12, _CONTEXT), 2)} trillion"
    elif size >= Decimal("1e9"):
        text = f"{_to_decimals(size.scaleb(-9, _CONTEXT), 2)} billion"
    else:
        text = _to_decimals(size, decimals)
    is_zero = not any(digit in text for digit in "123456789")
    return text if exact >= 0 or is_zero else f"−{text}"


def _to_decimals(size: Decimal, decimals: int) -> str:
    """The number to that many decimals, halves rounded up as people do, with thousands separators.

    >>> _to_decimals(Decimal("4210.5"), 0)
    '4,211'
    """
    # By way of whole numbers, because formatting a Decimal rounds by the process's context too.
    whole, rest = divmod(int(size.scaleb(decimals, _CONTEXT).to_integral_value(context=_CONTEXT)), 10**decimals)
    return f"{whole:,}.{rest:0{decimals}d}" if decimals else f"{whole:,}"


def amount(value: object) -> str:
    """A number that may be large or small: whole from 1,000 on, one decimal from 1 on, two below.

    >>> amount(12345.678), amount(12.34), amount(3), amount(0.126)
    ('12,346', '12.3', '3', '0.13')
    """
    number = number_or_none(value)
    if number is None or number == int(number) or abs(number) >= 1000:
        return figure(value)
    return figure(value, 1 if abs(number) >= 1 else 2)


def money(value: object, currency: str = "") -> str:
    r"""An amount of money, whole from 1,000 on and with two decimals below, and the currency's code where there is one.

    >>> money(Decimal("8911407.90"), "GBP"), money(-3.5), money(None, "GBP")
    ('8,911,408\xa0GBP', '−3.50', '–')
    """
    number = number_or_none(value)
    if number is None:
        return NO_VALUE
    text = figure(value, 0 if abs(number) >= 1000 else 2)
    return f"{text}\xa0{printable(currency)}" if currency else text


def share(value: object) -> str:
    r"""A share of 1 as per cent with one decimal; what is there but rounds to nothing says so.

    >>> share(0.2014), share(0.0001), share(0)
    ('20.1\xa0%', '<0.1\xa0%', '0.0\xa0%')
    """
    exact = _exact(value)
    if exact is None:
        return NO_VALUE
    if 0 < exact < Decimal("0.0005"):
        return "<0.1\xa0%"
    return f"{figure(exact.scaleb(2, _CONTEXT), 1)}\xa0%"


def file_size(size_bytes: object) -> str:
    r"""A file's size in the unit that reads best.

    >>> file_size(312), file_size(46_402), file_size(45_580_638)
    ('312\xa0B', '46.4\xa0kB', '45.6\xa0MB')
    """
    number = number_or_none(size_bytes)
    if number is None:
        return NO_VALUE
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(number) >= factor:
            return f"{figure(number / factor, 1)}\xa0{unit}"
    return f"{figure(number)}\xa0B"


def day(value: object) -> str:
    r"""A date, or the date of a moment, in words.

    >>> day(date(2011, 12, 9))
    '9\xa0Dec\xa02011'
    """
    if isinstance(value, date):
        return f"{value.day}\xa0{_MONTHS[value.month - 1]}\xa0{value.year}"
    return NO_VALUE if value in (None, "") else printable(value)


def moment(value: object) -> str:
    r"""A moment to the minute; the zone is the caller's to name.

    >>> moment(datetime(2011, 12, 10))
    '10\xa0Dec\xa02011, 00:00'
    """
    if isinstance(value, datetime):
        return f"{day(value)}, {value.hour:02d}:{value.minute:02d}"
    return day(value)


def counted(value: object, singular: str, plural: str = "") -> str:
    r"""A count with its noun in the right number.

    >>> counted(1, "row"), counted(305, "drop"), counted(2, "country", "countries")
    ('1\xa0row', '305\xa0drops', '2\xa0countries')
    """
    noun = singular if number_or_none(value) == 1 else plural or f"{singular}s"
    return f"{figure(value)}\xa0{noun}"


def in_unit(value: object, unit: str, currency: str = "") -> str:
    r"""A feature's value in its own unit, as `features/declarations.py` names them.

    >>> in_unit(4.27, "orders"), in_unit(0.031, "share"), in_unit(91.4, "days"), in_unit(300, "money", "EUR")
    ('4.3 orders', '3.1\xa0%', '91.4 days', '300.00\xa0EUR')
    """
    if number_or_none(value) is None:
        return NO_VALUE
    if unit == "money":
        return money(value, currency)
    if unit == "share":
        return share(value)
    if not unit:
        return amount(value)
    singular = unit.removesuffix("s") if number_or_none(value) == 1 else unit
    return f"{amount(value)} {singular}"
