"""Feature tables for tests: drawn by NumPy from a seed, as large as `customer_features` and as untidy as a shop's data may be."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from sahara_assets.features.declarations import DEFAULT_MODEL_FEATURES, FEATURES
from sahara_assets.segmentation import kmeans
from sahara_assets.segmentation.assemble import build_model
from sahara_assets.segmentation.preprocess import apply, fit_preprocessing

if TYPE_CHECKING:
    from sahara_assets.segmentation.model import SegmentationModel

MONEY = pa.decimal128(18, 4)


def money(values) -> pa.Array:
    """DECIMAL(18,4) values from numbers, nulls from None and NaN."""
    return pa.array(
        [None if value is None or np.isnan(float(value)) else Decimal(str(round(float(value), 4))) for value in values],
        MONEY,
    )


def drawn_table(seed: int, rows: int = 400, *, untidy: bool = False) -> pa.Table:
    """Customers with every declared feature; `untidy` adds nulls, NaN, infinities and negative money."""
    rng = np.random.default_rng(seed)
    orders = rng.geometric(0.35, rows)
    tenure = rng.integers(0, 400, rows)
    spend = np.round(rng.lognormal(4 + np.log(orders), 1.0), 2)
    pauses = np.where(orders > 1, tenure / np.maximum(orders - 1, 1), np.nan)
    columns = {
        "recency_days": (tenure * rng.random(rows)).astype(np.int64),
        "tenure_days": tenure,
        "order_count": orders,
        "line_count": orders * rng.integers(1, 30, rows),
        "unit_count": money(orders * rng.integers(1, 300, rows)),
        "distinct_products": orders + rng.integers(0, 20, rows),
        "gross_spend": money(spend),
        "net_spend": money(spend - (rng.random(rows) < 0.1) * spend * rng.random(rows) * 1.5),
        "average_order_value": spend / orders,
        "median_order_value": spend / orders * rng.uniform(0.8, 1.1, rows),
        "mean_days_between_orders": pa.array(pauses, from_pandas=True),
        "return_rate": np.where(rng.random(rows) < 0.2, rng.random(rows), 0.0),
        **{f"category_share_{rank}": rng.random(rows) / rank for rank in range(1, 6)},
        "country": pa.array([None if draw > 0.95 else f"Land {int(30 * draw**3)}" for draw in rng.random(rows)]),
    }
    if untidy:
        holes = rng.random((rows, 4)) < 0.08
        columns["recency_days"] = pa.array(columns["recency_days"], mask=holes[:, 0])
        columns["gross_spend"] = money(np.where(holes[:, 1], np.nan, spend - 40))
        rates = np.where(holes[:, 2], np.nan, columns["return_rate"])
        columns["return_rate"] = np.where(rng.random(rows) < 0.03, np.inf, rates)
    columns = {feature.name: pa.array(columns[feature.name]) for feature in FEATURES}
    return pa.table({"customer_id": pa.array([f"c{row:07d}" for row in range(rows)]), **columns})


def clustered(table: pa.Table, k: int, features=DEFAULT_MODEL_FEATURES, **settings) -> SegmentationModel:
    """A model trained on the table as a first training would."""
    preprocessing = fit_preprocessing(table, features)
    centroids = kmeans.fit(apply(preprocessing, table), k, seed=7).centroids
    return build_model(table, preprocessing, centroids, version=1, seed=7, **settings)


def rfm_table(groups, seed: int = 0) -> pa.Table:
    """Customers in groups whose recency, orders, spend and tenure are known: (size, recency, orders, spend, tenure) medians."""
    rng = np.random.default_rng(seed)
    base = drawn_table(seed, sum(group[0] for group in groups))
    around = [
        np.concatenate([np.full(group[0], float(group[at])) for group in groups]) * rng.uniform(0.9, 1.1, base.num_rows)
        for at in (1, 2, 3, 4)
    ]
    recency, orders, spend, tenure = around
    orders = np.maximum(np.round(orders), 1).astype(np.int64)
    replaced = {
        "recency_days": pa.array(recency.astype(np.int64)),
        "tenure_days": pa.array(tenure.astype(np.int64)),
        "order_count": pa.array(orders),
        "gross_spend": money(spend),
        "average_order_value": pa.array(spend / orders),
        "median_order_value": pa.array(spend / orders),
        "mean_days_between_orders": pa.array([30.0 if count > 1 else None for count in orders.tolist()]),
    }
    for name, values in replaced.items():
        base = base.set_column(base.column_names.index(name), name, values)
    return base
