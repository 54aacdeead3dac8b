"""Codes in two dimensions: unchanged, or projected by PCA, t-SNE or UMAP.

t-SNE (van der Maaten & Hinton 2008) and UMAP (McInnes, Healy & Melville 2018) preserve only which
points are neighbours: distances between groups and sizes of groups mean nothing. Both run on one
thread from a fixed seed. UMAP is the optional extra `umap`, because it installs a compiler (numba,
210 MB, and half a minute of compilation at first use).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from training.quiet import quiet

METHODS = ("pca", "tsne", "umap")
MOST = 600  # points given to t-SNE and UMAP, which take seconds for that many
MISSING_UMAP = "UMAP is not installed: `pip install 'vigil-tinyml[umap]'` adds it"


@dataclass(frozen=True, eq=False)
class Plane:
    """Codes in two dimensions."""

    points: NDArray[np.float64]  # float64 [n, 2]
    which: NDArray[np.int64]  # int64 [n], the rows of the codes that the points represent
    title: str  # name of the projection
    axes: tuple[str, str]  # labels of the two axes
    words: str  # a sentence that explains the projection


def has_umap() -> bool:
    """Whether the optional package is installed."""
    return find_spec("umap") is not None


def methods(code: NDArray[np.float32]) -> tuple[str, ...]:
    """The available projections of codes [n, ...]: one for codes of two values, else several."""
    width = code.reshape(len(code), -1).shape[1]
    if width <= 2:
        return ("plain",)
    return METHODS if has_umap() else METHODS[:2]


def plane(code: NDArray[np.float32], method: str = "pca", seed: int = 1) -> Plane:
    """Project codes float [n, ...] to two dimensions by "pca", "tsne" or "umap".

    Codes of one or two values are not projected, whatever the method. t-SNE and UMAP project at
    most MOST codes, evenly spaced.

    Raises:
        ValueError: the method is unknown, or UMAP is not installed.
    """
    return _plane(np.ascontiguousarray(code).tobytes(), code.shape, code.dtype.str, method, seed)


@lru_cache(maxsize=16)  # a report that is written again projects the same codes
def _plane(data: bytes, shape: tuple[int, ...], kind: str, method: str, seed: int) -> Plane:
    flat = np.frombuffer(data, kind).reshape(shape[0], -1).astype(np.float64)
    every = np.arange(len(flat))
    width = flat.shape[1]
    if width == 1:
        points = np.stack([flat[:, 0], every.astype(np.float64)], axis=1)
        words = "The code has one value; the windows are in the order of the test set."
        return Plane(points, every, "code", ("code", "window"), words)
    if width == 2:
        words = "The code has two values, which are drawn unchanged."
        return Plane(flat, every, "code", ("code value 1", "code value 2"), words)
    if method == "pca":
        return _pca(flat, every)
    if method not in METHODS:
        raise ValueError(f"no method '{method}'; choose one of {', '.join(METHODS)}")
    some = np.linspace(0, len(flat) - 1, min(len(flat), MOST)).round().astype(np.int64)
    name = {"tsne": "t-SNE", "umap": "UMAP"}[method]
    points = (_tsne if method == "tsne" else _umap)(flat[some], seed)
    words = (
        f"{name} of {len(some):,} codes keeps neighbours together; distances between groups mean "
        "nothing."
    )
    return Plane(points, some, name, (f"{name} 1", f"{name} 2"), words)


def _pca(flat: NDArray[np.float64], every: NDArray[np.int64]) -> Plane:
    # Imported here, as below: scikit-learn takes a second to load.
    from sklearn.decomposition import PCA

    pca = PCA(2, svd_solver="full").fit(flat)
    first, second = 100 * pca.explained_variance_ratio_
    return Plane(
        pca.transform(flat),
        every,
        "principal components",
        (f"first component, {first:.0f} % of variance", f"second component, {second:.0f} %"),
        f"The code has {flat.shape[1]} values; its two principal components are drawn, which hold "
        f"{first + second:.0f} % of its variance.",
    )


def _tsne(codes: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(30.0, (len(codes) - 1) / 3)
    with threadpool_limits(1):  # on busy cores, its threads wait for each other
        return np.asarray(
            TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(codes),
            np.float64,
        )


def _umap(codes: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    if not has_umap():
        raise ValueError(MISSING_UMAP)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that a seed disables its parallel mode
        with quiet():  # it imports TensorFlow if that is installed
            from umap import UMAP
        return np.asarray(UMAP(n_components=2, random_state=seed).fit_transform(codes), np.float64)
