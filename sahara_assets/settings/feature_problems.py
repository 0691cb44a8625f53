"""What is wrong with how customers are to be measured: feature names that nobody knows, and what the project's files cannot give.

Like `problems.py`, of which this is the part about features, it looks at the document as it was written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sahara_assets.features.declarations import FEATURES
from sahara_assets.features.declared import features_in
from sahara_assets.settings.unknown import unknown_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sahara_assets.features.declarations import Feature
    from sahara_assets.settings.unknown import Place


def feature_problems(document: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Everything that is wrong about features.

    Args:
        document: what was set.
        defaults: the same for what was not.
    """
    datasets = _section(document, "datasets")
    # A project that names no datasets has them all, under their default patterns.
    has_sessions = "datasets" not in document or not {"sessions", "events"}.isdisjoint(datasets)
    population = _section(document, "features").get("population", "buyers")
    # Where nobody can be measured at all, that purchases are missing is what is said.
    has_people = "customers" in datasets or (has_sessions and population in {"visitors", "everyone"})
    from_analytics = _section(document, "analytics").get("purchases", "none") != "none"
    has_orders = from_analytics or "purchases" in datasets or not has_people
    known: dict[str, Feature] = {feature.name: feature for feature in FEATURES}
    for feature, place in features_in(document):
        if feature.name in known:
            yield place, f"brings a second feature {feature.name!r}; give it another name"
        known.setdefault(feature.name, feature)
    there = {
        name: feature
        for name, feature in known.items()
        if (has_orders or feature.table != "purchases") and (has_sessions or feature.table != "sessions")
    }
    features = {**defaults["features"], **_section(document, "features")}
    if not has_orders:
        yield from _without_orders(_section(document, "features"), there)
    if not has_sessions and population in {"visitors", "everyone"}:
        yield (
            ("features", "population"),
            "counts visitors, and there is no [datasets.sessions] and no [datasets.events] that would name any",
        )
    for key in ("model", "also"):
        if key in _section(document, "features"):
            wrong = list(_wrong_names(features[key], there, known))
            if wrong:
                yield ("features", key), "; ".join(wrong)
    yield from _rank_problems(_section(document, "segmentation"), there, known)
    yield from _treatment_problems(_section(document, "preprocessing"), features["model"], known)


_SOURCES = {
    "purchases": ("order lines", "[datasets.purchases]"),
    "sessions": ("sessions", "[datasets.sessions] and no [datasets.events]"),
}


def _section(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _without_orders(features: Mapping[str, Any], there: Mapping[str, Feature]) -> Iterator[tuple[Place, str]]:
    """A project of customers alone must say what it is about: the defaults speak of orders."""
    if features.get("population", "buyers") == "buyers":
        yield (
            ("features", "population"),
            'must be "customers" (or "visitors", or "everyone") where there is no [datasets.purchases]: nobody is known to have bought',
        )
    if "model" not in features:
        told = (
            ", ".join(name for name in there if name != "country") or "attributes under [datasets.customers.attributes]"
        )
        yield ("features", "model"), f"is missing; without order lines say which features to cluster on, of: {told}"


def _wrong_names(names: object, there: Mapping[str, Feature], known: Mapping[str, Feature]) -> Iterator[str]:
    texts = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
    for name in texts:
        if name in known and name not in there:
            source, wanted = _SOURCES[known[name].table]
            yield f"{name!r} is made from {source}, and there is no {wanted}"
        elif name not in known:
            yield unknown_key(name, list(there), noun="feature")
    for name in dict.fromkeys(texts):
        if texts.count(name) > 1:
            yield f"names {name!r} twice"


def _rank_problems(
    segmentation: Mapping[str, Any], there: Mapping[str, Feature], known: Mapping[str, Feature]
) -> Iterator[tuple[Place, str]]:
    name = segmentation.get("rank_by")
    if not isinstance(name, str) or not name:
        return
    for wrong in _wrong_names([name], there, known):
        yield ("segmentation", "rank_by"), wrong
    if name in there and there[name].is_category:
        yield ("segmentation", "rank_by"), f"{name!r} is a category, which has no mean"


def _treatment_problems(
    preprocessing: Mapping[str, Any], model: object, known: Mapping[str, Feature]
) -> Iterator[tuple[Place, str]]:
    for name, asked in _section(preprocessing, "features").items():
        place = ("preprocessing", "features", name)
        if name not in known:
            yield place, unknown_key(name, list(known), noun="feature")
        elif isinstance(model, list) and name not in model:
            yield place, "is not among features.model, so there is nothing to prepare"
        elif isinstance(asked, dict) and known[name].is_category:
            wrong = [key for key in ("cap_quantile", "transform", "scale") if key in asked]
            if wrong:
                yield place, f"is a category, which has no {' and no '.join(wrong)}"
            if "missing" in asked and asked["missing"] != "drop":
                yield place, 'is a category: who has none is one of its own, unless missing is "drop"'
