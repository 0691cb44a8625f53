"""Repeat buyers of a CRM that knows no orders: which accounts won more than one opportunity, from what else is written of them.

This is what the Sahara example's repeat-buyer model does, and it is no prediction: the accounts carry no dates at which their attributes were
so, the outcome is a running total, and whatever came after it is in the same row. So nothing of it scores anybody. `measure_accounts` says what
such a model comes to: cross-validated, with the leakage guard, and with the accuracy that always answering "yes" reaches.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sahara_assets.errors import SaharaError
from sahara_assets.features.expressions import Basis, before, customer_features, sessions_before, top_categories
from sahara_assets.features.feature_set import FeatureSet, feature_set
from sahara_assets.learning import measures
from sahara_assets.learning.classifier import fit_classifier
from sahara_assets.repeat_buyers.guard import guard_rows, leaks, said_of
from sahara_assets.sales.customers import files_of
from sahara_assets.settings.repeat_buyers import RepeatBuyerSettings
from sahara_assets.tables.datasets import ATTRIBUTES
from sahara_assets.tables.sales import PURCHASES
from sahara_assets.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pyarrow as pa

    from sahara_assets.learning.classifier import Kind
    from sahara_assets.settings.document import Settings
    from sahara_assets.warehouse.base import Warehouse

FOLDS = 5


@dataclass(frozen=True)
class Measured:
    """What a model of accounts comes to, each account judged by a model that had not seen it.

    Attributes:
        accounts, repeat_buyers: how many there are, and how many won more than one.
        auc, average_precision: how it ranks them; 0.5, and the share of repeat buyers, are chance.
        accuracy: share that it is right about, answering yes from 50 % on.
        majority_share: the same for always giving the commoner answer.
    """

    accounts: int
    repeat_buyers: int
    auc: float
    average_precision: float
    accuracy: float
    majority_share: float

    @property
    def said(self) -> str:
        """What it is worth, in plain words."""
        share = self.repeat_buyers / self.accounts
        told = (
            f"{self.repeat_buyers:,} of {counted(self.accounts, 'account')} ({share:.2%}) won more than one opportunity. Accuracy {self.accuracy:.4f}, "
            f"where always answering with the majority gives {self.majority_share:.4f}; AUC {self.auc:.3f}, where chance gives 0.500."
        )
        worth = "These attributes do not tell who buys again." if self.auc < 0.6 else "These attributes tell something."
        return f"{told} {worth}"


def measure_accounts(
    warehouse: Warehouse,
    settings: Settings,
    cut_off: datetime,
    features: Sequence[str],
    *,
    outcome: str = "opportunities_won",
    more_than: float = 1,
    kind: Kind = "logistic",
) -> Measured:
    """Cross-validate a model that tells from attributes which accounts won more than one opportunity.

    Args:
        warehouse: holds the accounts.
        settings: declare their attributes.
        cut_off: local; ages and days are as of it.
        features: what it may look at.
        outcome: the attribute that counts what was won.
        more_than: a repeat buyer has more than this of it.
        kind: which learner.

    Raises:
        SaharaError: an attribute is not declared, a feature leaks, or only one kind of account is there.
    """
    declarations = feature_set(_of_anyone(settings)).by_name
    missing = [name for name in (*features, outcome) if name not in declarations]
    if missing:
        raise SaharaError(
            f"no attribute of accounts is called {', '.join(missing)}; declare it under [datasets.accounts.attributes]"
        )
    table = account_table(warehouse, settings, cut_off, [*features, outcome])
    won = np.array([float(one) if one is not None else np.nan for one in table.column(outcome).to_pylist()])
    table = table.filter(_mask(np.isfinite(won)))
    labels = won[np.isfinite(won)] > more_than
    if not len(labels) or labels.all() or not labels.any():
        raise SaharaError(
            f"all of {counted(len(labels), 'account')} have the same outcome; there is nothing to tell apart"
        )
    wanted = RepeatBuyerSettings(features=list(features))
    found = leaks(guard_rows(table, labels, features, declarations), wanted)
    if found:
        raise SaharaError(said_of(found, wanted))
    ids: list[str] = table.column("customer_id").to_pylist()
    fold = np.array([int.from_bytes(hashlib.sha256(one.encode()).digest()[:4]) % FOLDS for one in ids])
    odds = np.empty(len(labels))
    for one in range(FOLDS):
        held = fold == one
        fitted = fit_classifier(
            kind,
            table.filter(_mask(~held)),
            labels[~held],
            features,
            declarations,
            penalty=1.0,
            seed=settings.project.seed,
        )
        odds[held] = fitted.log_odds(table.filter(_mask(held)))
    base = float(labels.mean())
    return Measured(
        len(labels),
        int(labels.sum()),
        measures.area_under_curve(labels, odds),
        measures.average_precision(labels, odds),
        float(np.mean((odds >= 0) == labels)),
        max(base, 1.0 - base),
    )


def account_table(warehouse: Warehouse, settings: Settings, cut_off: datetime, names: Sequence[str]) -> pa.Table:
    """The features of every account, by its id, which stands in `customer_id`: computed as those of customers are."""
    anyone = _of_anyone(settings)
    everything = feature_set(anyone)
    only = FeatureSet(
        tuple(feature for feature in everything.features if feature.name in set(names)),
        tuple(one for one in everything.declared if one.feature.name in set(names)),
        sells=False,
    )
    accounts = files_of(warehouse, settings).accounts
    people = accounts.select(customer_id=accounts.account_id, country=accounts.country, attributes=accounts[ATTRIBUTES])
    lines = before(warehouse.table(PURCHASES), cut_off)
    basis = Basis(lines, people, sessions_before(warehouse, cut_off), cut_off, anyone)
    return warehouse.arrow(customer_features(basis, only, top=top_categories(basis)).order_by("customer_id"))


def _of_anyone(settings: Settings) -> Settings:
    features = settings.features.model_copy(update={"population": "customers"})
    return settings.model_copy(update={"features": features})


def _mask(rows: np.ndarray) -> pa.Array:
    import pyarrow as pa

    return pa.array(rows)
