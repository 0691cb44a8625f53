"""The silhouette of all thirteen k on a sample of 10,000 customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.harness import Bench, Case, Goal, Side
from benchmarks.people import KS, customers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def _prepare(size: Mapping[str, int], folder: Path) -> None:
    import numpy as np

    from sahara_assets.segmentation.kmeans import fit_range

    points = customers(size["customers"], 12)
    fits = fit_range(points, KS, seed=1, restarts=1, swaps=0)
    np.savez(folder / "grouped.npz", points=points, labels=np.stack([fits[k].labels for k in KS]))


def _sahara(bench: Bench) -> Any:
    import numpy as np

    from sahara_assets.segmentation.metrics import silhouettes

    found = np.load(bench.inputs / "grouped.npz")
    with bench.timed():
        values = silhouettes(found["points"], list(found["labels"]), seed=1, exact_up_to=len(found["points"]))
    return [value.value for value in values]


def _scikit(bench: Bench) -> Any:
    import numpy as np
    from sklearn.metrics import silhouette_score

    found = np.load(bench.inputs / "grouped.npz")
    with bench.timed():
        return [float(silhouette_score(found["points"], labels)) for labels in found["labels"]]


def _to_six_digits(one: Any, other: Any) -> None:
    apart = max(abs(mine - theirs) for mine, theirs in zip(one, other, strict=True))
    assert apart <= 1e-6, f"{apart} apart"


CASE = Case(
    number=6,
    name="silhouettes",
    title="Silhouettes of a sweep",
    sides=(Side("sahara", _sahara), Side("scikit-learn", _scikit)),
    goals=(Goal("sahara", "scikit-learn", 1 / 25, "at least 25 × faster than scikit-learn, equal to 1e-6"),),
    sizes={"smoke": [{"customers": 300}], "quick": [{"customers": 10_000}], "full": [{"customers": 10_000}]},
    prepare=_prepare,
    agree=_to_six_digits,
)
