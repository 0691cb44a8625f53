"""Reads the JSON columns of `segment_profiles` for the report: what each segment differs in, and which features to show.

How they are computed lives in `segmentation/profile.py`; the shapes read here are the ones it writes:

    differences  [{"feature": "gross_spend", "label": "spend", "unit": "money", "z": 2.1, "segment_median": 8091.2,
                   "everyone_median": 674.3},
                  {"feature": "country", "label": "country: France", "unit": "share", "z": 0.6, "segment_share": 0.1,
                   "everyone_share": 0.02}]

with medians in original units and z in standard deviations of all customers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sahara_assets.features.declarations import BY_NAME, FEATURES, family_of
from sahara_assets.report.wording import in_unit, number_or_none, printable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

NOTABLE = 0.25
"""Standard deviations under which a segment counts as close to the others."""


@dataclass(frozen=True)
class Difference:
    """How a segment stands in one feature.

    Attributes:
        z: standard deviations from the mean of all customers; None where it is not known.
        typical: the segment's median (or the share of a category) in original units.
        everyone: the same of all customers; None where it is not known.
        is_word: whether it is about one word of a category.
    """

    feature: str
    label: str
    unit: str
    z: float | None
    typical: float
    everyone: float | None = None
    is_word: bool = False


def differences_of(profile: Mapping[str, Any]) -> list[Difference]:
    """A profile's differences in their order.

    What is no JSON, or of another shape, gives nothing: a report with a gap is better than none.

    >>> differences_of({"differences": '[{"feature": "order_count", "z": 0.5, "segment_median": 9}]'})
    [Difference(feature='order_count', label='orders', unit='orders', z=0.5, typical=9.0, everyone=None, is_word=False)]
    """
    listed = _decoded(profile.get("differences"))
    found = []
    for entry in listed if isinstance(listed, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("feature"), str):
            continue
        typical = _first_number(entry, "segment_median", "segment_share")
        if typical is None:
            continue
        label, unit = _label_and_unit(entry["feature"])
        found.append(
            Difference(
                entry["feature"],
                printable(entry.get("label") or label),
                printable(entry.get("unit") or unit),
                number_or_none(entry.get("z")),
                typical,
                _first_number(entry, "everyone_median", "everyone_share"),
                is_word="segment_share" in entry,
            )
        )
    return found


def told_differences(differences: Sequence[Difference], most: int = 3) -> list[Difference]:
    """The largest differences, one of each family of features that say nearly the same.

    Left out is what a reader would take for a mistake: a median on the other side of everyone's than z says, which happens to
    counts that are 1 for most customers.

    >>> spend = Difference("gross_spend", "spend", "money", 2.0, 900.0, 300.0)
    >>> net = Difference("net_spend", "net", "money", 1.9, 880.0, 290.0)
    >>> orders = Difference("order_count", "orders", "orders", 0.4, 1.0, 1.0)
    >>> [difference.feature for difference in told_differences([net, spend, orders])]
    ['gross_spend']
    """
    told: list[Difference] = []
    for difference in sorted(differences, key=lambda d: (-abs(d.z or 0.0), d.feature)):
        family = family_of(difference.feature)
        if difference.z is None or any(other.feature in family for other in told):
            continue
        is_close = abs(difference.z) < NOTABLE
        if (
            not is_close
            and difference.everyone is not None
            and (difference.typical - difference.everyone) * difference.z <= 0
        ):
            continue
        told.append(difference)
        if len(told) == most:
            break
    return told


def in_words(difference: Difference, currency: str) -> dict[str, str]:
    """A difference as a marketer would say it: what, how much, and how that compares.

    >>> in_words(Difference("order_count", "orders", "orders", 1.8, 12.0, 2.0), "GBP")
    {'label': 'Orders', 'value': '12 orders', 'way': 'above', 'comparison': 'far above the usual 2 orders'}
    """
    size, z = abs(difference.z or 0.0), difference.z or 0.0
    way = "close" if size < NOTABLE else "above" if z > 0 else "below"
    how = (
        "close to" if way == "close" else f"{'far' if size >= 1.5 else 'clearly' if size >= 0.75 else 'somewhat'} {way}"
    )
    usual = (
        "what is usual"
        if difference.everyone is None
        else f"the usual {in_unit(difference.everyone, difference.unit, currency)}"
    )
    return {
        "label": difference.label[:1].upper() + difference.label[1:],
        "value": in_unit(difference.typical, difference.unit, currency),
        "way": way,
        "comparison": f"{how} {usual}",
    }


def shown_features(tables: Sequence[Collection[Difference]], most: int) -> list[Difference]:
    """The columns of a heat map, each by one of its entries, in declared order: at most `most`.

    First those that most segments have a difference in, then those with the largest, one of each family; categories are left out, because each segment's
    entry is about another word.
    """
    entries: dict[str, list[Difference]] = {}
    for table in tables:
        for difference in table:
            declared = BY_NAME.get(difference.feature)
            if not difference.is_word and (declared is None or not declared.is_category):
                entries.setdefault(difference.feature, []).append(difference)

    def weight(name: str) -> tuple[int, float, str]:
        sizes = [abs(entry.z) for entry in entries[name] if entry.z is not None]
        return (-len(entries[name]), -max(sizes, default=0.0), name)

    order = {feature.name: index for index, feature in enumerate(FEATURES)}
    chosen: list[str] = []
    for name in sorted(entries, key=weight):
        if not any(other in family_of(name) for other in chosen):
            chosen.append(name)
    chosen = chosen[:most]
    return [entries[name][0] for name in sorted(chosen, key=lambda name: (order.get(name, len(order)), name))]


def _label_and_unit(name: str) -> tuple[str, str]:
    """A feature's declared label and unit; a name that is not declared is its own label."""
    declared = BY_NAME.get(name)
    return (declared.label, declared.unit) if declared else (printable(name).replace("_", " "), "")


def _first_number(entry: Mapping[str, Any], *names: str) -> float | None:
    return next((number for name in names if (number := number_or_none(entry.get(name))) is not None), None)


def _decoded(text: object) -> object:
    """The value of a JSON column, which some warehouses hand over decoded."""
    if not isinstance(text, (str, bytes)):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
