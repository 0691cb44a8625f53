"""What a header's words and a column's values say for or against each of our columns.

Scores are weights of evidence (log-odds, roughly): 0 says nothing, 3 is strong, -6 rules out. Words alone can mislead (`Total`, a second
`Date`, `Customer Name`), so values weigh as much. Evidence that needs two columns at once (an order determines its date, quantity ×
price is the total) is gathered in `relations.py`; which header goes to which column is settled for all at once in `mapping.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahara_assets.onboarding.vocabulary import ideas_of, words_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sahara_assets.onboarding.values import ColumnProfile

UNLISTED_IDEA = -1.5  # a known word that has no business in this column
UNKNOWN_WORD = -0.25
OWN_NAME = 1.5  # the header is our column's own name
RULED_OUT = -8.0

WORDS: Mapping[str, Mapping[str, float]] = {
    "order": {"account": -3, "order": 3, "sale": 1.5, "id": 1.5, "name": -1, "filler": 0, "bill": 0, "parent": -2, "pay": -1.5, "date": -5, "time": -4, "quantity": -5, "price": -5, "line": -4, "lineitem": -2.5, "status": -4, "product": -3, "customer": -3, "ship": -2.5, "total": -3, "store": -2, "user": -2, "cost": -4},
    "customer": {"customer": 3.5, "user": 2.3, "id": 1.5, "name": -1, "filler": 0, "bill": 0, "email": 1.5, "person": -2, "phone": -0.5, "analytics": -1.5, "category": -4, "status": -4, "region": -4, "country": -4, "ship": -2, "date": -5, "store": -3, "total": -4, "price": -4, "quantity": -4, "note": -3, "sale": 0, "parent": -1.5, "address": -3, "signup": -4, "birth": -5},
    "account": {"account": 3.5, "customer": 0, "id": 1.5, "name": -1, "filler": 0, "parent": -2, "user": -4, "order": -3, "product": -4, "date": -5, "status": -4, "category": -4, "region": -4, "country": -4, "total": -4, "quantity": -4, "price": -4, "person": -3, "email": -3, "phone": -3},
    "product": {"product": 2.5, "sku": 3.5, "stock": 1.5, "id": 1.5, "lineitem": 0, "line": -2, "filler": 0, "name": -1, "description": -3, "category": -3, "price": -4, "quantity": -4, "total": -4, "date": -4, "store": -2.5, "status": -3, "tax": -3, "ship": -3, "discount": -3, "parent": -1, "sale": 0, "order": -1, "cost": -4},
    "description": {"account": -4, "description": 3, "name": 2.5, "product": 1.5, "lineitem": 0.5, "stock": 0.3, "filler": 0, "id": -2, "category": -2, "customer": -4, "order": -2, "person": -4, "store": -2.5, "ship": -3, "pay": -3, "sku": -1, "bill": -3, "region": -4, "country": -3, "user": -3},
    "quantity": {"quantity": 3.5, "product": 0.3, "order": 0, "made": 0, "line": 0, "lineitem": 0.3, "sale": 0, "unit": 0, "filler": 0, "ship": -2.5, "undone": -2, "stock": -3, "price": -4, "total": -0.5, "id": -2, "list": -2, "weight": -1, "discount": -3},
    "price": {"price": 3, "unit": 1.5, "product": 0.5, "lineitem": 0.5, "sale": 0.3, "merch": 0.7, "netgross": 0, "cost": 1.5, "filler": 0, "currency": 0, "total": -2.5, "list": -1.2, "tax": -1, "ship": -4, "discount": -2.5, "line": -0.5, "parent": -0.5, "order": -1, "category": -2, "base": -0.5},
    "when": {"account": -2, "date": 2.5, "time": 0.7, "order": 1.7, "sale": 1.2, "made": 1.7, "bill": 0, "filler": 0, "pay": -0.7, "updated": -3, "ship": -3.5, "due": -3, "birth": -6, "undone": -3, "signup": -2.5, "customer": -2, "product": -1},
    "country": {"country": 4, "bill": 0.3, "ship": -0.3, "customer": 0.3, "region": -2, "order": 0, "id": 0, "name": 0, "filler": 0, "currency": -3, "product": -3},
    "category": {"account": -4, "category": 3.5, "product": 1, "line": 1.2, "status": 0.3, "name": 0, "id": -1, "lineitem": 0, "filler": 0, "stock": 0, "parent": -1.5, "customer": -4, "order": -2, "pay": -4, "ship": -4, "store": -2, "price": -3},
    "currency": {"currency": 4, "id": 0, "order": 0, "product": 0, "filler": 0, "price": -1.5, "total": -1.5, "list": -0.5},
    "client": {"analytics": 3, "customer": 0.7, "id": 1, "user": 0.3, "filler": 0},
    "user": {"user": 3, "id": 1, "analytics": 0, "filler": 0, "name": -2, "email": -3, "customer": -1},
    "signup": {"signup": 3, "date": 1.5, "made": 2, "time": 0.3, "customer": 1.2, "user": 0.8, "filler": 0, "updated": -3, "birth": -6, "order": -2.5, "sale": -2, "due": -2},
    "list_price": {"price": 3, "list": 0.8, "unit": 1, "product": 0.5, "merch": 0.3, "sale": 0.2, "netgross": 0, "cost": 0.5, "filler": 0, "currency": 0, "total": -2.5, "tax": -1, "ship": -4, "discount": -2.5},
}  # fmt: skip

# What an idea alone says in a file that is about that thing: `ID` in a product list is the product's.
ABOUT: Mapping[str, Mapping[str, Mapping[str, float]]] = {
    "products": {"product": {"id": 2.5}, "description": {"name": 3.5}},
    "customers": {"customer": {"id": 2.5}, "user": {"id": 0}},
    "accounts": {"account": {"id": 2.5}},
    "sign_ups": {"customer": {"id": 2.5}},
    "purchases": {},
}


@dataclass(frozen=True)
class Evidence:
    """A weight and the words for it; `reasons` are those that moved it most."""

    score: float
    reasons: tuple[str, ...] = ()


def word_score(role: str, header: str, column: str, dataset: str) -> Evidence:
    """What the header's words say for a role.

    >>> word_score("price", "Unit Price", "unit_price", "purchases").score > word_score("price", "Total", "unit_price", "purchases").score
    True
    """
    weights = {**WORDS[role], **ABOUT[dataset].get(role, {})}
    words = words_of(header)
    present = {idea for word in words for idea in ideas_of(word)}
    counted: set[str] = set()
    score, known = 0.0, False
    for word in words:
        ideas = ideas_of(word)
        if not ideas:
            score += 0 if word.isdigit() or len(word) == 1 else UNKNOWN_WORD
            continue
        idea = max(ideas, key=lambda name: (weights.get(name, UNLISTED_IDEA), name))
        if idea in counted:
            continue
        counted.add(idea)
        weight = weights.get(idea, UNLISTED_IDEA)
        if role == "customer" and idea == "email" and present & {"customer", "user"}:
            weight = -0.7  # `Customer Email` beside `Customer ID` is not the id, but `Email` alone may stand for one
        if idea == "address" and "email" in present:
            weight = 0.0
        score += weight
        known = known or weight > 1
    if header.strip().lower() == column:
        score += OWN_NAME
    score = max(score, -6.0)
    says = f"the words of {header.strip()!r}" if known and score > 1 else ""
    return Evidence(score, (says,) if says else ())


def value_score(role: str, profile: ColumnProfile) -> Evidence:
    """What the column's own values say for a role."""
    if not profile.rows:
        return Evidence(0.0, ("no rows to check it against",))
    if not profile.filled:
        return Evidence(-2.0, ("the column is empty in the sample",))
    return _VALUE_SCORES[role](profile)


def _sum(*parts: tuple[bool, float, str]) -> Evidence:
    met = [(weight, reason) for condition, weight, reason in parts if condition]
    return Evidence(sum(weight for weight, _ in met), tuple(reason for _, reason in met if reason))


def _identifier(profile: ColumnProfile) -> list[tuple[bool, float, str]]:
    """What holds for every kind of id."""
    # An analytics client id (`123456789.1600000000`) only looks like a number with decimals.
    fractional = profile.number_share > 0.9 and profile.integer_share < 0.98 and profile.ga_client_share < 0.5
    return [
        (profile.date_share > 0.8 and profile.integer_share < 0.5, RULED_OUT, "its values are dates"),
        (fractional, -6.0, "its values have decimals"),
        (profile.negative_share > 0.02, -4.0, "some of its values are negative"),
        (profile.flag_like and profile.filled > 3, -6.0, "it only says yes or no"),
        (profile.country_share > 0.9 and profile.distinct > 1, -4.0, "its values are countries"),
        (profile.currency_share > 0.95, -5.0, "its values are currencies"),
        (profile.distinct == 1 and profile.filled > 5, -4.0, "it holds one value only"),
        (profile.distinct < 12 and profile.filled > 200, -2.5, f"it holds {profile.distinct} values only"),
    ]


def _order(profile: ColumnProfile) -> Evidence:
    repeats = profile.distinct_share < 0.98
    return _sum(
        *_identifier(profile),
        (
            profile.fill_share < 0.95,
            -2.0 - 4 * (1 - profile.fill_share),
            f"empty in {1 - profile.fill_share:.0%} of the rows",
        ),
        (profile.prose_share > 0.5, -3.0, "its values are prose"),
        (profile.email_share > 0.5, -5.0, "its values are e-mail addresses"),
        (profile.letter_share > 0.9, -3.0, "its values hold no digits"),
        (repeats and profile.contiguity > 0.95, 1.5, "equal values stand together, as an order's lines do"),
        (repeats and profile.contiguity < 0.5, -1.5, "equal values are scattered"),
        (
            sum(value.startswith("#") for value in profile.counts) > 0.9 * profile.distinct,
            2.5,
            "its values look like #1001",
        ),
    )


def _customer(profile: ColumnProfile) -> Evidence:
    return _sum(
        *_identifier(profile),
        (profile.prose_share > 0.5, -1.6, "its values are names"),
        (
            profile.distinct_share < 0.98,
            0.7,
            f"its values repeat ({profile.distinct:,} distinct in {profile.filled:,})",
        ),
        (profile.fill_share < 0.3, -2.0, f"empty in {1 - profile.fill_share:.0%} of the rows"),
    )


def _product(profile: ColumnProfile) -> Evidence:
    return _sum(
        *_identifier(profile),
        (profile.email_share > 0.5, -6.0, "its values are e-mail addresses"),
        (profile.prose_share > 0.5, -1.8, "its values are prose"),
        (profile.fill_share < 0.9, -2.0, f"empty in {1 - profile.fill_share:.0%} of the rows"),
        (profile.distinct_share < 0.9, 0.7, f"its values repeat ({profile.distinct:,} distinct in {profile.filled:,})"),
    )


def _description(profile: ColumnProfile) -> Evidence:
    return _sum(
        (profile.number_share > 0.8, RULED_OUT, "its values are numbers"),
        (profile.date_share > 0.5, RULED_OUT, "its values are dates"),
        (profile.email_share > 0.5, -6.0, "its values are e-mail addresses"),
        (profile.country_share > 0.8, -4.0, "its values are countries"),
        (profile.flag_like, -6.0, "it only says yes or no"),
        (profile.prose_share > 0.3, 1.5, f"{profile.prose_share:.0%} of its values are several words"),
        (profile.distinct < 4 and profile.filled > 20, -2.0, f"it holds {profile.distinct} values only"),
    )


def _quantity(profile: ColumnProfile) -> Evidence:
    compact_dates = profile.date_share > 0.9 and profile.median > 19_000_000
    return _sum(
        (profile.number_share < 0.9, RULED_OUT, "its values are not numbers"),
        (compact_dates, RULED_OUT, "its values are dates"),
        (profile.fill_share < 0.9, -3.0, f"empty in {1 - profile.fill_share:.0%} of the rows"),
        (profile.integer_share > 0.98, 1.5, "whole numbers"),
        (profile.integer_share < 0.5, -1.5, "most of its values have decimals"),
        (profile.flag_like, -2.0, "it holds 0 and 1 only"),
        (profile.negative_share > 0, 0.3, "some below zero"),
        (profile.distinct_share > 0.5 and profile.filled > 50, -2.0, "hardly any value repeats"),
        (abs(profile.median) > 1000, -2.0, f"its median is {profile.median:,.0f}"),
        (profile.distinct == 1 and profile.median == 0, -4.0, "all zero"),
    )


def _price(profile: ColumnProfile) -> Evidence:
    top = max(profile.numbers.values(), default=0.0)
    return _sum(
        (profile.number_share < 0.9, RULED_OUT, "its values are not numbers"),
        (profile.date_share > 0.9 and profile.median > 19_000_000, RULED_OUT, "its values are dates"),
        (profile.fill_share < 0.9, -3.0, f"empty in {1 - profile.fill_share:.0%} of the rows"),
        (profile.integer_share < 0.8, 1.5, "amounts with decimals"),
        (profile.integer_share > 0.98, -0.5, ""),
        (profile.negative_share > 0.05, -1.5, f"{profile.negative_share:.0%} are below zero"),
        (top <= 1.0 and profile.distinct > 1, -2.0, "none above 1: it looks like a share"),
        (profile.distinct == 1 and profile.median == 0, -4.0, "all zero"),
    )


def _date(profile: ColumnProfile) -> Evidence:
    numeric_only = profile.number_share > 0.9 and profile.date_share < 0.98
    return _sum(
        (profile.date_share < 0.8 or numeric_only, RULED_OUT, "its values are no dates"),
        (profile.date_share >= 0.95, 2.0, f"{profile.date_share:.0%} of its values are dates"),
        (
            profile.fill_share < 0.98,
            -1.0 - 4 * (1 - profile.fill_share),
            f"empty in {1 - profile.fill_share:.0%} of the rows",
        ),
        (any(":" in value for value in profile.counts), 0.3, "with the time of day"),
    )


def _country(profile: ColumnProfile) -> Evidence:
    return _sum(
        (profile.country_share > 0.7, 2.0, f"{profile.country_share:.0%} of its values are countries"),
        (profile.country_share < 0.3, -6.0, "its values are no countries"),
    )


def _category(profile: ColumnProfile) -> Evidence:
    return _sum(
        (profile.date_share > 0.5, RULED_OUT, "its values are dates"),
        (profile.number_share > 0.9 and profile.integer_share < 0.98, RULED_OUT, "its values are amounts"),
        (profile.flag_like, -6.0, "it only says yes or no"),
        (profile.number_share > 0.9, -1.5, "its values are numbers"),
        (profile.filled > 20 and profile.distinct_share < 0.5, 1.0, f"{profile.distinct:,} distinct values"),
        (profile.filled > 20 and profile.distinct_share > 0.8, -2.0, "hardly any value repeats"),
        (profile.distinct == 1 and profile.filled > 20, -1.5, "it holds one value only"),
    )


def _currency(profile: ColumnProfile) -> Evidence:
    return _sum(
        (profile.currency_share > 0.9, 2.5, f"its values are currency codes ({', '.join(sorted(profile.counts)[:3])})"),
        (profile.currency_share < 0.5, RULED_OUT, "its values are no currency codes"),
    )


def _client(profile: ColumnProfile) -> Evidence:
    return _sum(
        (profile.ga_client_share > 0.8, 4.0, "its values look like Google Analytics client ids"),
        (profile.ga_client_share < 0.3, -2.5, "its values do not look like analytics client ids"),
    )


def _user(profile: ColumnProfile) -> Evidence:
    return _sum(
        *_identifier(profile),
        (profile.email_share > 0.5, -4.0, "its values are e-mail addresses"),
        (profile.prose_share > 0.5, -4.0, "names"),
    )


_VALUE_SCORES: Mapping[str, Callable[[ColumnProfile], Evidence]] = {
    "order": _order,
    "customer": _customer,
    "product": _product,
    "description": _description,
    "quantity": _quantity,
    "price": _price,
    "list_price": _price,
    "when": _date,
    "signup": _date,
    "country": _country,
    "category": _category,
    "currency": _currency,
    "client": _client,
    "user": _user,
    "account": _user,
}
