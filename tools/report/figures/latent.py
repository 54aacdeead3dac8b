"""Codes in two dimensions: as they are, or by PCA, t-SNE or UMAP.

The one place where a picture's latent plane comes from, for the report and the zoo alike. t-SNE
(van der Maaten & Hinton 2008) and UMAP (McInnes, Healy & Melville 2018) keep neighbours together
and nothing else: distances between groups, and their sizes, say nothing. Both run on one thread
from a fixed seed. UMAP comes with the optional extra `umap`, since it brings a compiler along
(numba, 210 MB, and half a minute of compiling the first time).
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
MOST = 600  # points that t-SNE and UMAP are given: they take seconds for so many
MISSING_UMAP = "UMAP is not installed: `pip install 'vigil-tinyml[umap]'` adds it"


@dataclass(frozen=True, eq=False)
class Plane:
    """Points of codes in two dimensions.

    points float64 [n, 2]; which int64 [n], the rows of the codes that they stand for
    axes what each axis is called; words a sentence on how the points were found
    """

    points: NDArray[np.float64]
    which: NDArray[np.int64]
    title: str
    axes: tuple[str, str]
    words: str


def has_umap() -> bool:
    """Whether the optional package is there."""
    return find_spec("umap") is not None


def methods(code: NDArray[np.float32]) -> tuple[str, ...]:
    """What there is to choose from for codes [n, ...]: one way for two values, else several."""
    width = code.reshape(len(code), -1).shape[1]
    if width <= 2:
        return ("plain",)
    return METHODS if has_umap() else METHODS[:2]


def plane(code: NDArray[np.float32], method: str = "pca", seed: int = 1) -> Plane:
    """Codes float [n, ...] in two dimensions by "pca", "tsne" or "umap".

    Codes of one or two values are drawn as they are, whatever the method. t-SNE and UMAP are given
    at most MOST of them, evenly spaced. ValueError for an unknown method, or for "umap" where it
    is not installed.
    """
    return _plane(np.ascontiguousarray(code).tobytes(), code.shape, code.dtype.str, method, seed)


@lru_cache(maxsize=16)  # a report that is written again looks at the same codes
def _plane(data: bytes, shape: tuple[int, ...], kind: str, method: str, seed: int) -> Plane:
    flat = np.frombuffer(data, kind).reshape(shape[0], -1).astype(np.float64)
    every = np.arange(len(flat))
    width = flat.shape[1]
    if width == 1:
        points = np.stack([flat[:, 0], every.astype(np.float64)], axis=1)
        words = "The code has one value; windows are in the order of the test."
        return Plane(points, every, "code", ("code", "window"), words)
    if width == 2:
        words = "The code has two values: this is all of it."
        return Plane(flat, every, "code", ("code value 1", "code value 2"), words)
    if method == "pca":
        return _pca(flat, every)
    if method not in METHODS:
        raise ValueError(f"no method '{method}'; there are {', '.join(METHODS)}")
    some = np.linspace(0, len(flat) - 1, min(len(flat), MOST)).round().astype(np.int64)
    name = {"tsne": "t-SNE", "umap": "UMAP"}[method]
    points = (_tsne if method == "tsne" else _umap)(flat[some], seed)
    words = (
        f"{name} of {len(some):,} codes keeps neighbours together; distances between groups say "
        "nothing."
    )
    return Plane(points, some, name, (f"{name} 1", f"{name} 2"), words)


def _pca(flat: NDArray[np.float64], every: NDArray[np.int64]) -> Plane:
    from sklearn.decomposition import PCA

    pca = PCA(2, svd_solver="full").fit(flat)
    first, second = 100 * pca.explained_variance_ratio_
    return Plane(
        pca.transform(flat),
        every,
        "principal components",
        (f"first component, {first:.0f} % of variance", f"second component, {second:.0f} %"),
        f"The code has {flat.shape[1]} values; drawn are its two principal components, "
        f"which hold {first + second:.0f} % of its variance.",
    )


def _tsne(codes: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(30.0, (len(codes) - 1) / 3)
    with threadpool_limits(1):  # on busy cores its threads wait for each other
        return np.asarray(
            TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(codes),
            np.float64,
        )


def _umap(codes: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    if not has_umap():
        raise ValueError(MISSING_UMAP)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed costs it its parallel mode, for one
        with quiet():  # it imports TensorFlow where there is one
            from umap import UMAP
        return np.asarray(UMAP(n_components=2, random_state=seed).fit_transform(codes), np.float64)
