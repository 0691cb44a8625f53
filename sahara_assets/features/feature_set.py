"""Which features a project has: the spine's, as far as it has order lines, then those that its settings bring."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from sahara_assets.features.declarations import FEATURES
from sahara_assets.features.declared import of_settings, on_offer
from sahara_assets.tables.features import customer_features_table, online_features_table
from sahara_assets.tables.schema import ALL_TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sahara_assets.features.declarations import Feature
    from sahara_assets.features.declared import Declared
    from sahara_assets.settings.document import Settings
    from sahara_assets.tables.columns import Table


@dataclass(frozen=True)
class FeatureSet:
    """A project's features.

    Attributes:
        features: every one, in the order of the columns of `customer_features`.
        declared: those that the settings bring, with their recipes.
        sells: whether the project has order lines at all.
    """

    features: tuple[Feature, ...]
    declared: tuple[Declared, ...]
    sells: bool

    @cached_property
    def by_name(self) -> Mapping[str, Feature]:
        """The features by name."""
        return {feature.name: feature for feature in self.features}

    @cached_property
    def table(self) -> Table:
        """`customer_features` with a column for each."""
        return customer_features_table(self.features)

    @cached_property
    def online_table(self) -> Table:
        """`customer_features_online` with a column for each."""
        return online_features_table(self.features)


def sells(settings: Settings) -> bool:
    """Whether anything gives the project order lines: a dataset of its own, or analytics."""
    return "purchases" in settings.datasets or settings.analytics.purchases != "none"


def uses_sessions(settings: Settings) -> bool:
    """Whether anything that is measured, or who is measured, comes from sessions."""
    asked = {*settings.features.model, *settings.features.also, *_asked_of_predictions(settings)}
    from_sessions = (one for one in on_offer(settings) if one.feature.table == "sessions")
    return settings.features.counts_visitors or any(one.feature.name in asked for one in from_sessions)


def feature_set(settings: Settings) -> FeatureSet:
    """The features of a project.

    Of a project without order lines only the features that come from customers are left. Where customers without orders are measured too,
    what nobody can know of them may be null; its treatment says what the model makes of that.
    """
    asked = {*settings.features.model, *settings.features.also, *_asked_of_predictions(settings)}
    offered = [one for one in on_offer(settings) if one.feature.name in asked]
    has_orders = sells(settings)
    declared = tuple(
        one for one in (*offered, *of_settings(settings)) if has_orders or one.feature.table != "purchases"
    )
    spine = [feature for feature in FEATURES if has_orders or feature.table != "purchases"]
    if settings.features.population != "buyers":
        spine = [_of_anyone(feature) for feature in spine]
    features = tuple(_treated(feature, settings) for feature in (*spine, *(one.feature for one in declared)))
    return FeatureSet(features, declared, has_orders)


def _asked_of_predictions(settings: Settings) -> set[str]:
    """Features that only the models of `[repeat_buyers]` and `[segment_labels]` ask for."""
    wanted = set(settings.repeat_buyers.features) if settings.repeat_buyers.enabled else set[str]()
    return wanted | (set(settings.segment_labels.attributes) if settings.segment_labels.enabled else set[str]())


def table_of(declared: Table, settings: Settings) -> Table:
    """A declared table as the project has it: of those whose columns depend on the settings, the one with all its columns."""
    features = feature_set(settings)
    tables = {table.name: table for table in (features.table, features.online_table)}
    return tables.get(declared.name, declared)


def tables_of(settings: Settings) -> tuple[Table, ...]:
    """Every table of the project, as `table_of` gives them."""
    return tuple(table_of(table, settings) for table in ALL_TABLES)


def _of_anyone(feature: Feature) -> Feature:
    """A feature of somebody who may never have bought: away longer than anyone, and known since just now."""
    if feature.name == "recency_days":
        return replace(feature, nullable=True, treatment=replace(feature.treatment, missing="maximum"))
    if feature.name == "tenure_days":
        return replace(feature, nullable=True, treatment=replace(feature.treatment, missing=0.0))
    return feature


def _treated(feature: Feature, settings: Settings) -> Feature:
    """A feature as the settings want the model to treat it; features outside the model keep their treatment."""
    if feature.name not in settings.features.model:
        return feature
    changed = settings.preprocessing.changes(feature.name, is_category=feature.is_category)
    return replace(feature, treatment=replace(feature.treatment, **changed)) if changed else feature
