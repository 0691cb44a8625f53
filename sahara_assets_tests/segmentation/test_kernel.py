"""The two kernels give the same bits, whatever they are asked; and both what their definition says."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sahara_assets.segmentation import kernel as kernels
from sahara_assets.segmentation.kernel import compiled_kernel, numpy_kernel
from sahara_assets.segmentation.kmeans import fit_range
from sahara_assets_tests.commands import ROOT, clean_environment


@pytest.fixture(scope="module", autouse=True)
def both_kernels():
    """The compiled kernel stays loaded for whoever comes next: which of the two runs changes no bit, and no test."""
    if compiled_kernel() is None:
        pytest.skip("numba cannot be had here, or was told not to compile (NUMBA_DISABLE_JIT)")


# Few values make ties, copies and rows half-way between two centroids; the others round.
few = st.integers(-4, 4).map(float)
any_number = st.floats(-1e6, 1e6, allow_nan=False, width=32)
weights = st.sampled_from([1.0, 2.0, 0.5, 3.0])


@st.composite
def weighted_rows(draw):
    elements = draw(st.sampled_from([few, any_number]))
    shape = draw(st.tuples(st.integers(1, 300), st.integers(1, 9)))
    points = draw(hnp.arrays(np.float64, shape, elements=elements))
    weight = draw(hnp.arrays(np.float64, shape[0], elements=weights))
    k = draw(st.integers(1, min(8, shape[0])))
    rows = draw(st.lists(st.integers(0, shape[0] - 1), min_size=k, max_size=k))
    return points, weight, points[rows] + draw(st.sampled_from([0.0, 0.25]))


def same(one, other):
    """Equal to the last bit; a zero's sign included."""
    assert len(one) == len(other)
    for mine, theirs in zip(one, other, strict=True):
        assert np.asarray(mine).tobytes() == np.asarray(theirs).tobytes()


@settings(max_examples=150, deadline=None)
@given(weighted_rows(), st.integers(1, 12), st.sampled_from([0.0, 1e-9, 1e-3]))
def test_both_kernels_give_the_same_bits(made, iterations, tolerance):
    points, weight, centroids = made
    compiled, plain = compiled_kernel(), numpy_kernel()
    labels = compiled.nearest(points, centroids)[0]
    same(compiled.nearest(points, centroids), plain.nearest(points, centroids))
    same(compiled.within_margin(points, centroids, 1e-9), plain.within_margin(points, centroids, 1e-9))
    same([compiled.totals(points, labels, len(centroids))], [plain.totals(points, labels, len(centroids))])
    same(compiled.spread(points, labels, centroids), plain.spread(points, labels, centroids))
    one, other = compiled.rows(points, weight), plain.rows(points, weight)
    same([one.norm], [other.norm])
    same(one.two_nearest(centroids), other.two_nearest(centroids))
    same(one.lloyd(centroids, iterations, tolerance), other.lloyd(centroids, iterations, tolerance))
    drawn = np.arange(min(len(points), 5), dtype=np.int64)
    for costs in (np.full(len(points), np.inf), one.two_nearest(centroids).first):
        same(one.best_draw(drawn, costs), other.best_draw(drawn, costs))


@settings(max_examples=60, deadline=None)
@given(weighted_rows())
def test_they_do_what_their_definition_says(made):
    points, weight, centroids = made
    table = np.zeros((len(points), len(centroids)))
    for column in range(points.shape[1]):  # column by column from the left, as the scoring SQL adds
        table += np.square(points[:, column, None] - centroids[None, :, column])
    for kernel in (compiled_kernel(), numpy_kernel()):
        labels, squared = kernel.nearest(points, centroids)
        assert labels.tolist() == table.argmin(axis=1).tolist()
        assert squared.tolist() == table.min(axis=1).tolist()
        near = table <= (squared + 1e-9 * (1.0 + squared))[:, None]
        assert kernel.within_margin(points, centroids, 1e-9)[0].tolist() == near.argmax(axis=1).tolist()
        two = kernel.rows(points, weight).two_nearest(centroids)
        assert two.first.tolist() == (np.sort(table, axis=1)[:, 0] * weight).tolist()
        if len(centroids) > 1:
            assert two.second.tolist() == (np.sort(table, axis=1)[:, 1] * weight).tolist()
        run = kernel.rows(points, weight).lloyd(centroids, 1, 0.0)
        assert run.labels.tolist() == labels.tolist()
        assert run.counts.sum() == pytest.approx(weight.sum())
        assert run.cost == pytest.approx(
            float((squared * weight).sum()), rel=1e-6, abs=1e-9 * max(1.0, kernel.rows(points, weight).norm)
        )


@pytest.mark.parametrize("rows", [700, 20_000])
def test_a_whole_fit_is_the_same_on_both(rows):
    """Above 16,384 rows a search on summed up rows comes before."""
    generator = np.random.default_rng(rows)
    points = np.log1p(generator.lognormal(1.0, 1.0, size=(rows, 4)))
    found = [
        fit_range(points, [3, 4, 5], seed=2, restarts=2, swaps=2, kernel=kernel)
        for kernel in (compiled_kernel(), numpy_kernel())
    ]
    for k in (3, 4, 5):
        one, other = found[0][k], found[1][k]
        same([one.centroids, one.labels, one.inertia], [other.centroids, other.labels, other.inertia])
        assert one.iterations == other.iterations


def test_the_compiled_kernel_is_for_much_and_for_those_who_have_loaded_it(monkeypatch):
    loaded = []
    monkeypatch.setattr(kernels, "compiled_kernel", _counted(loaded))
    assert kernels.kernel_for(1_000) is numpy_kernel()
    assert loaded == []
    assert kernels.kernel_for(kernels.COMPILED_FROM_CELLS) == "compiled"
    assert kernels.kernel_for(1_000) == "compiled"


def _counted(loaded):
    from functools import cache

    @cache
    def compiled():
        loaded.append(1)
        return "compiled"

    return compiled


@pytest.mark.parametrize(
    ("setting", "script"),
    [
        ("NUMBA_DISABLE_JIT=1", ""),
        ("", "import sys; sys.modules['numba'] = None\n"),
    ],
    ids=["told not to compile", "not installed"],
)
def test_without_numba_the_same_is_done_in_numpy(setting, script):
    asked = (
        "from sahara_assets.segmentation.kernel import compiled_kernel, kernel_for, numpy_kernel\n"
        "assert compiled_kernel() is None\n"
        "assert kernel_for(10**9) is numpy_kernel()\n"
    )
    environment = clean_environment() | dict([setting.split("=")] if setting else [])
    subprocess.run([sys.executable, "-c", script + asked], cwd=ROOT, env=environment, check=True, timeout=120)


@pytest.mark.long
def test_code_that_was_compiled_is_compiled_once(tmp_path):
    """A second process finds it in numba's cache, and does not even write there."""
    environment = clean_environment() | {"NUMBA_CACHE_DIR": str(tmp_path)}
    asked = "from sahara_assets.segmentation.kernel import compiled_kernel; assert compiled_kernel() is not None"
    files = []
    for _ in range(2):
        subprocess.run([sys.executable, "-c", asked], cwd=ROOT, env=environment, check=True, timeout=300)
        files.append({path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()})
    assert files[0]
    assert files[0] == files[1]
