r"""Numbers as people write them: one grammar, declared for a whole dataset, as SQL for the casts and as Python for the scan and `sahara init`.

Nothing is guessed for a single value: what the settings do not declare is no number. `1,234` is a thousand under `thousands_mark =
","`, one and a bit under `decimal_mark = ","`, and nothing where neither is set.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sahara_assets.settings.dataset import DatasetSettings
    from sahara_assets.settings.sections import ProjectSettings

PLAIN_NUMBER = r"[+-]?([0-9]{1,14}(\.[0-9]*)?|\.[0-9]+)"
SCIENTIFIC_NUMBER = r"[+-]?([0-9]{1,14}(\.[0-9]{0,17})?[eE]\+?[0-9]{1,2}|[0-9](\.[0-9]{0,17})?[eE]-[0-9]{1,2})"
"""As programs write it: one digit before the point where the exponent is negative. So limited, a detour over 24 decimals is exact."""

LOST_ID = r"[+-]?[0-9]([.,][0-9]+)?[eE]\+[0-9]{2,3}"
"""What a spreadsheet makes of an id with many digits: most of them are gone."""

_SPACES = (" ", "\u00a0", "\u2007", "\u2009", "\u202f")
_APOSTROPHES = ("'", "\u2019")
MARKS: dict[str, tuple[str, ...]] = {" ": _SPACES, "'": _APOSTROPHES, ",": (",",), ".": (".",)}
"""What stands for a thousands mark: a space may be one that does not break or a thin one, as typesetters and ICU write it."""

SIGNS: dict[str, tuple[str, ...]] = {
    "AED": ("د.إ",),
    "ARS": ("$",),
    "AUD": ("A$", "AU$", "$"),
    "BGN": ("лв", "лв."),
    "BRL": ("R$",),
    "CAD": ("C$", "CA$", "$"),
    "CHF": ("Fr.", "SFr."),
    "CLP": ("$",),
    "CNY": ("¥", "￥", "元"),
    "COP": ("$",),
    "CZK": ("Kč",),
    "DKK": ("kr", "kr."),
    "EUR": ("€",),
    "GBP": ("£",),
    "HKD": ("HK$", "$"),
    "HUF": ("Ft",),
    "IDR": ("Rp",),
    "ILS": ("₪",),
    "INR": ("₹", "Rs", "Rs."),
    "JPY": ("¥", "￥", "円"),
    "KRW": ("₩",),
    "MXN": ("MX$", "$"),
    "MYR": ("RM",),
    "NOK": ("kr", "kr."),
    "NZD": ("NZ$", "$"),
    "PHP": ("₱",),
    "PLN": ("zł",),
    "RON": ("lei",),
    "RUB": ("₽", "руб."),
    "SEK": ("kr", "kr."),
    "SGD": ("S$", "$"),
    "THB": ("฿",),
    "TRY": ("₺", "TL"),
    "TWD": ("NT$", "$"),
    "UAH": ("₴",),
    "USD": ("$", "US$"),
    "VND": ("₫",),
    "ZAR": ("R",),
}
"""The signs of a currency beside its code; several share one, and only the project can say whose it is."""

_BLANK = "[ \u00a0\u2007\u2009\u202f]*"
_ANY = "(?s:.)*"


def marks_of(code: str) -> tuple[str, ...]:
    """The texts that may stand beside an amount of a currency, longest first.

    >>> marks_of("USD")
    ('US$', 'USD', 'usd', '$')
    """
    return tuple(
        sorted({code.upper(), code.lower(), *SIGNS.get(code.upper(), ())}, key=lambda sign: (-len(sign), sign))
    )


_TOO_LARGE = Decimal(10) ** 14 - Decimal("0.00005")
"""What is this much or more has, rounded to four decimals, more than 14 digits before the mark."""


@dataclass(frozen=True)
class NumberFormat:
    """How a dataset's numbers are written.

    Attributes:
        decimal_mark: before the decimals.
        thousands_mark: between the thousands, empty for none.
        indian: whether groups beyond the first are of two digits.
        currencies: the codes whose signs may stand beside a number; empty for none.
        negatives: how negative numbers may be written beside a leading hyphen.
        percent: what a percentage is: `share`, `points`, or empty for no number.
    """

    decimal_mark: str = "."
    thousands_mark: str = ""
    indian: bool = False
    currencies: tuple[str, ...] = ()
    negatives: frozenset[str] = frozenset()
    percent: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether nothing but digits, sign and decimal point is declared."""
        return self == NumberFormat()

    @property
    def example(self) -> str:
        """A number written so, for a message.

        >>> NumberFormat(",", ".").example
        '1.234,50'
        """
        return f"1{self.thousands_mark}234{self.decimal_mark}50" if self.thousands_mark else f"12{self.decimal_mark}50"

    def to_decimal(self, text: str) -> Decimal | None:
        """The number that a trimmed text is, not yet rounded; None where it is none, or one of more digits than a column holds.

        >>> NumberFormat(",", ".", currencies=("EUR",)).to_decimal("-1.234,50 €")
        Decimal('-1234.50')
        >>> NumberFormat().to_decimal("1,234") is None
        True
        """
        for pattern, replacement in self._rewrites():
            text = re.sub(rf"\A(?:{pattern})\Z", replacement, text)
        is_share = self.percent == "share" and text.endswith("%")
        if self.percent:
            text = re.sub(rf"{_BLANK}%\Z", "", text)
        marks = self._marks()
        if marks:
            if not re.fullmatch(self._grouped(), text):
                return None
            text = re.sub(marks, "", text)
        if self.decimal_mark == ",":
            if "." in text:
                return None
            text = text.replace(",", ".")
        if not re.fullmatch(f"{PLAIN_NUMBER}|{SCIENTIFIC_NUMBER}", text):
            return None
        number = Decimal(text) / (100 if is_share else 1)
        return number if abs(number) < _TOO_LARGE else None

    def to_sql(self, text: str) -> str:
        """The same as a SQL expression of a DECIMAL(18, 4), null where the text is no number; halves are rounded away from zero."""
        for pattern, replacement in self._rewrites():
            text = f"regexp_replace({text}, '^(?:{_quoted(pattern)})$', '{replacement}')"
        rewritten = text
        if self.percent:
            text = f"regexp_replace({text}, '{_BLANK}%$', '')"
        marks = self._marks()
        if marks:
            # What does not match as a whole becomes empty, which is no number; a text is named once, since it may be a long expression.
            text = f"regexp_replace(regexp_extract({text}, '^(?:{_quoted(self._grouped())})$'), '{_quoted(marks)}', '', 'g')"
        if self.decimal_mark == ",":
            # A point in a file of decimal commas is a thousands mark or a mistake: what is not declared is not guessed at.
            text = f"replace(regexp_extract({text}, '^[^.]*$'), ',', '.')"
        number = _plain_sql(text)
        if self.percent != "share":
            return number
        hundredth = f"TRY_CAST(TRY_CAST({text} AS DECIMAL(30, 12)) * CAST(0.01 AS DECIMAL(3, 2)) AS DECIMAL(18, 4))"
        valid = f"regexp_full_match({text}, '{PLAIN_NUMBER}')"
        return f"(CASE WHEN NOT ends_with({rewritten}, '%') THEN {number} WHEN {valid} THEN {hundredth} END)"

    def _rewrites(self) -> list[tuple[str, str]]:
        """Patterns of a whole text and what becomes of it, one after the other, in what Python and RE2 both read."""
        steps: list[tuple[str, str]] = []
        if "minus_sign" in self.negatives:
            steps.append((rf"({_ANY}?)−({_ANY})", r"\1-\2"))
        brackets = (rf"\({_BLANK}([^()+-]*?){_BLANK}\)", r"-\1")
        if "parentheses" in self.negatives:
            steps.append(brackets)
        if self.currencies:
            signs = "|".join(re.escape(mark) for code in self.currencies for mark in marks_of(code))
            steps += [
                (rf"([+-]?){_BLANK}(?:{signs}){_BLANK}([+-]?)([(.,0-9]{_ANY})", r"\1\2\3"),
                (rf"({_ANY}[0-9.,)%-]){_BLANK}(?:{signs})(-?)", r"\1\2"),
            ]
            if "parentheses" in self.negatives:
                steps.append(brackets)
        if "trailing" in self.negatives:
            steps.append((rf"([^+-]*[0-9.,]){_BLANK}-", r"-\1"))
        return steps

    def _marks(self) -> str:
        """A class of what may stand between the thousands."""
        return f"[{''.join(re.escape(mark) for mark in MARKS[self.thousands_mark])}]" if self.thousands_mark else ""

    def _grouped(self) -> str:
        """A number with thousands marks where they belong, or anything without them."""
        mark = self._marks()
        groups = (
            rf"[0-9]{{1,2}}({mark}[0-9]{{2}})*{mark}[0-9]{{3}}" if self.indian else rf"[0-9]{{1,3}}({mark}[0-9]{{3}})+"
        )
        return rf"[+-]?{groups}({re.escape(self.decimal_mark)}[0-9]*)?|[^{mark[1:]}*"


def _quoted(pattern: str) -> str:
    return pattern.replace("'", "''")


def _plain_sql(text: str) -> str:
    # Cast directly, DuckDB makes 0.0001 of 5e-6.
    return (
        f"(CASE WHEN regexp_full_match({text}, '{PLAIN_NUMBER}') THEN TRY_CAST({text} AS DECIMAL(18, 4)) "
        f"WHEN regexp_full_match({text}, '{SCIENTIFIC_NUMBER}') "
        f"THEN TRY_CAST(TRY_CAST({text} AS DECIMAL(38, 24)) AS DECIMAL(18, 4)) END)"
    )


def number_format(
    settings: DatasetSettings, project: ProjectSettings | None = None, *, is_money: bool = True
) -> NumberFormat:
    """How the settings say that a dataset's numbers are written.

    Args:
        settings: the dataset's.
        project: names the currencies; without it no currency's sign counts.
        is_money: whether the column holds amounts; a number of units bears no currency sign.
    """
    currencies: tuple[str, ...] = ()
    if settings.currency_text and is_money and project is not None and project.currency:
        currencies = tuple(dict.fromkeys([project.currency.upper(), *map(str.upper, sorted(project.currency_rates))]))
    return NumberFormat(
        settings.decimal_mark,
        settings.thousands_mark,
        settings.digit_grouping == "indian",
        currencies,
        frozenset(settings.negatives),
        settings.percent,
    )
