"""A whole sweep over k with its measures, beside scikit-learn and its Intel extension fitting alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Bench, Case, Goal, Side
from benchmarks.people import KS, customers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_COLUMNS = 12


def _prepare(size: Mapping[str, int], folder: Path) -> None:
    """The customers, and the best inertia that is known of each k: scikit-learn's of ten starts."""
    import json

    import numpy as np
    from sklearn.cluster import KMeans

    points = customers(size["customers"], _COLUMNS)
    np.save(folder / "points.npy", points)
    best = {k: float(KMeans(k, n_init=10, random_state=0, algorithm="lloyd").fit(points).inertia_) for k in KS}
    (folder / "best.json").write_text(json.dumps(best), encoding="utf-8")


def _excess(bench: Bench, inertia: Mapping[int, float]) -> None:
    """By how many percent the inertia is above the best known, on average and at worst."""
    import json

    best = {int(k): value for k, value in json.loads((bench.inputs / "best.json").read_text(encoding="utf-8")).items()}
    above = [100 * max(inertia[k] / best[k] - 1, 0.0) for k in KS]
    bench.measures |= {"mean_excess_percent": sum(above) / len(above), "worst_excess_percent": max(above)}


def _sahara(bench: Bench) -> Any:
    import numpy as np

    from sahara_assets.segmentation.kmeans import fit_range
    from sahara_assets.segmentation.metrics import davies_bouldin_index, silhouettes

    points = np.load(bench.inputs / "points.npy")
    with bench.timed():
        fits = fit_range(points, KS, seed=1)
        for k in KS:
            davies_bouldin_index(points, fits[k].labels)
        silhouettes(points, [fits[k].labels for k in KS], seed=1)
    _excess(bench, {k: fits[k].inertia for k in KS})
    return len(fits)


def _whole(bench: Bench) -> Any:
    import numpy as np

    from sahara_assets.segmentation.sweep import sweep

    points = np.load(bench.inputs / "points.npy")
    with bench.timed():
        models = sweep(points, k_min=KS[0], k_max=KS[-1], seed=1)
    _excess(bench, {model.k: model.mean_squared_distance * len(points) for model in models})
    return len(models)


def _scikit(bench: Bench) -> Any:
    import numpy as np
    from sklearn.cluster import KMeans

    return _fitted(bench, np.load(bench.inputs / "points.npy"), KMeans, 1)


def _intelex(bench: Bench, starts: int = 1) -> Any:
    import numpy as np
    from sklearnex.cluster import KMeans

    return _fitted(bench, np.load(bench.inputs / "points.npy"), KMeans, starts)


def _fitted(bench: Bench, points: Any, kmeans: Any, starts: int) -> Any:
    with bench.timed():
        inertia = {k: float(kmeans(k, n_init=starts, random_state=0).fit(points).inertia_) for k in KS}
    _excess(bench, inertia)
    return len(inertia)


CASE = Case(
    number=5,
    name="k_sweep",
    title="Sweep over k = 3 to 15, 12 features",
    sides=(
        Side("sahara", _sahara),
        Side("sahara with stability", _whole),
        Side("scikit-learn, 1 start", _scikit),
        Side("scikit-learn-intelex, 1 start", _intelex, needs=("sklearnex",)),
        Side("scikit-learn-intelex, 10 starts", partial(_intelex, starts=10), needs=("sklearnex",)),
    ),
    goals=(
        Goal(
            "sahara",
            "scikit-learn-intelex, 1 start",
            1 / 2.5,
            "at least 2.5 × faster than scikit-learn-intelex with one start",
        ),
        Goal("sahara", "scikit-learn, 1 start", 1 / 4, "at least 4 × faster than scikit-learn with one start"),
        Goal(
            "sahara",
            "scikit-learn-intelex, 10 starts",
            1 / 25,
            "at least 25 × faster than scikit-learn-intelex with ten starts",
        ),
        Goal(
            "sahara",
            "",
            0.05,
            "inertia at most 0.05 % above the best known, on average over k",
            what="mean_excess_percent",
        ),
        Goal("sahara", "", 0.3, "and 0.3 % at worst", what="worst_excess_percent"),
    ),
    sizes={
        "smoke": [{"customers": 300}],
        "quick": [{"customers": 20_000}],
        "full": [{"customers": 50_000}, {"customers": 150_000}, {"customers": 500_000}],
    },
    prepare=_prepare,
    grows_by="customers",
    note="Sahara is timed with Davies-Bouldin and the sampled silhouette of every k, the peers fit and measure nothing.",
)
