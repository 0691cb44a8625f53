"""The planted kinds of customer can be found, and their number is what sound criteria say."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from sahara_assets.generate.plan import SEGMENTS, segment_sizes
from sahara_assets.generate.shop import generate
from sahara_assets_tests.generate.independent_reading import (
    customer_features,
    planted_segments,
    read_purchases,
    standardised,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RFM = ["recency_days", "order_count", "gross_spend"]


def found_and_planted(folder: Path, **arguments: int) -> tuple[dict[str, dict[str, float]], list[str]]:
    made = generate(folder, **arguments)
    features = customer_features(read_purchases(folder))
    planted = planted_segments(made.truth)
    assert features.keys() == planted.keys()
    return features, [planted[customer] for customer in features]


def best_k(features: dict[str, dict[str, float]], names: list[str]) -> dict[str, int]:
    """The k of 3 to 15 that each criterion likes best."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import davies_bouldin_score, silhouette_score
    from threadpoolctl import threadpool_limits

    points = standardised(features, names)
    with threadpool_limits(1):  # threads cost more than they save on so few points
        fits = {k: KMeans(k, n_init=3, random_state=0).fit(points) for k in range(3, 16)}
    first, last = fits[3].inertia_, fits[15].inertia_
    # The elbow: the point furthest below the straight line between the ends of the inertia curve.
    below = {k: 1 - (k - 3) / 12 - (fit.inertia_ - last) / (first - last) for k, fit in fits.items()}
    return {
        "silhouette": max(fits, key=lambda k: silhouette_score(points, fits[k].labels_)),
        "davies_bouldin": min(fits, key=lambda k: davies_bouldin_score(points, fits[k].labels_)),
        "elbow": max(below, key=below.__getitem__),
    }


def agreement(features: dict[str, dict[str, float]], planted: list[str], names: list[str]) -> float:
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score

    labels = KMeans(len(SEGMENTS), n_init=3, random_state=0).fit_predict(standardised(features, names))
    return float(adjusted_rand_score(planted, labels))


RIGHT = dict.fromkeys(("silhouette", "davies_bouldin", "elbow"), len(SEGMENTS))


@pytest.mark.parametrize("seed", range(5))
def test_the_planted_segments_of_a_small_shop_are_found(tmp_path: Path, seed: int) -> None:
    features, planted = found_and_planted(tmp_path, rows=5_000, seed=seed)
    assert best_k(features, RFM) == RIGHT
    assert agreement(features, planted, RFM) >= 0.95
    assert best_k(features, [*RFM, "tenure_days", "average_order_value"]) == RIGHT
    for more in (["tenure_days"], ["average_order_value"], ["tenure_days", "average_order_value"]):
        assert agreement(features, planted, RFM + more) >= 0.95


def test_the_planted_segments_are_found_on_default_settings(tmp_path: Path) -> None:
    features, planted = found_and_planted(tmp_path)
    assert best_k(features, RFM) == RIGHT
    assert agreement(features, planted, RFM) >= 0.95


@pytest.mark.parametrize("arguments", [{"days": 180}, {"days": 730}, {"days_per_drop": 7}], ids=str)
def test_other_spans_and_drops_leave_the_segments_what_they_are(tmp_path: Path, arguments: dict[str, int]) -> None:
    features, planted = found_and_planted(tmp_path, rows=10_000, **arguments)
    assert best_k(features, RFM) == RIGHT
    assert agreement(features, planted, RFM) >= 0.95


@pytest.mark.long
def test_the_planted_segments_of_a_million_rows_are_found(
    tmp_path: Path, long_count: Callable[[str, str], None]
) -> None:
    features, planted = found_and_planted(tmp_path, rows=1_000_000)
    found = agreement(features, planted, RFM)
    assert found >= 0.95
    long_count("The planted segments of a generated shop are found", f"1,000,000 rows, adjusted Rand index {found:.3f}")


def test_fewer_rows_mean_fewer_customers_of_the_same_kinds(tmp_path: Path) -> None:
    def typical(rows: int) -> dict[str, list[float]]:
        features, planted = found_and_planted(tmp_path / str(rows), rows=rows)
        kinds: dict[str, list[float]] = {}
        for name in sorted(set(planted)):
            orders = sorted(
                row["order_count"] for row, kind in zip(features.values(), planted, strict=True) if kind == name
            )
            kinds[name] = [orders[len(orders) // 2], len(orders)]
        return kinds

    small, large = typical(5_000), typical(20_000)
    for name, (orders, customers) in small.items():
        assert large[name][0] == pytest.approx(orders, abs=1)
        assert large[name][1] == pytest.approx(4 * customers, rel=0.1)


def test_no_segment_is_smaller_than_a_twelfth_of_the_customers(tmp_path: Path) -> None:
    planted = planted_segments(generate(tmp_path, rows=1_000).truth)
    assert min(Counter(planted.values()).values()) >= len(planted) / 12
    assert sum(segment.share for segment in SEGMENTS) == pytest.approx(1)
    assert sum(segment_sizes(17)) == 17
