"""Simple detectors on the same windows: what an autoencoder must beat to be worth its memory.

Each is fitted to the training windows and gives one score per window, larger for less normal. All
but two are scikit-learn's, with their defaults but for what is said here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int16]
Values = NDArray[np.float64]
Scores = NDArray[np.float32]

MOST_WINDOWS = 2000  # to fit to, evenly spaced: the slowest detectors are quadratic in them
COMPONENTS = 8  # of PCA; fewer where the window or the number of windows allows no more
NEIGHBOURS = 5


def baseline_scores(
    train: Counts, others: dict[str, Counts], seed: int
) -> dict[str, dict[str, Scores]]:
    """Fit every baseline to `train` and score every part of `others`.

    Args:
        train: int16 [n, window, channels], normal windows; n is 2 or more.
        others: parts to score, int16 [m, window, channels] each.
        seed: of the isolation forest.

    Returns:
        By baseline, by part: float32 [m]. The baselines: "rms" (distance of a window's root mean
        square from the training windows' mean one, in log units), "z-score" (mean absolute
        z-score of the samples, per channel), "PCA", "nearest neighbours", "isolation forest",
        "one-class SVM".
    """
    if len(train) > MOST_WINDOWS:
        train = train[np.linspace(0, len(train) - 1, MOST_WINDOWS).round().astype(int)]
    mean = train.mean(axis=(0, 1))
    deviation = np.maximum(train.std(axis=(0, 1)), 1e-9)

    def standardized(counts: Counts) -> Values:
        return np.asarray((counts - mean) / deviation)

    windows = standardized(train)
    parts = {name: standardized(counts) for name, counts in others.items()}
    scores: dict[str, dict[str, Scores]] = {}
    for name, fit in _BASELINES.items():
        detector = fit(windows, seed)
        scores[name] = {
            part: detector(values).astype(np.float32) if len(values) else np.empty(0, np.float32)
            for part, values in parts.items()
        }
    return scores


Detector = Callable[[Values], Values]


def _flat(windows: Values) -> Values:
    return windows.reshape(len(windows), -1)


def _rms(train: Values, seed: int) -> Detector:
    def log_rms(windows: Values) -> Values:
        return np.asarray(np.log(np.sqrt((windows**2).mean(axis=1)) + 1e-9))

    center = log_rms(train).mean(axis=0)
    return lambda windows: np.asarray(np.abs(log_rms(windows) - center).max(axis=1))


def _z_score(train: Values, seed: int) -> Detector:
    return lambda windows: np.asarray(np.abs(windows).mean(axis=1).max(axis=1))


def _pca(train: Values, seed: int) -> Detector:
    # scikit-learn takes a second to start: only what is used is imported.
    from sklearn.decomposition import PCA

    flat = _flat(train)
    pca = PCA(min(COMPONENTS, *flat.shape), svd_solver="full").fit(flat)

    def error(windows: Values) -> Values:
        x = _flat(windows)
        return np.asarray(((x - pca.inverse_transform(pca.transform(x))) ** 2).mean(axis=1))

    return error


def _neighbours(train: Values, seed: int) -> Detector:
    # scikit-learn takes a second to start: only what is used is imported.
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(train))).fit(_flat(train))
    return lambda windows: np.asarray(search.kneighbors(_flat(windows))[0].mean(axis=1))


def _forest(train: Values, seed: int) -> Detector:
    # scikit-learn takes a second to start: only what is used is imported.
    from sklearn.ensemble import IsolationForest

    forest = IsolationForest(random_state=seed).fit(_flat(train))
    return lambda windows: np.asarray(-forest.score_samples(_flat(windows)))


def _svm(train: Values, seed: int) -> Detector:
    # scikit-learn takes a second to start: only what is used is imported.
    from sklearn.svm import OneClassSVM

    svm = OneClassSVM(nu=0.05).fit(_flat(train))
    return lambda windows: np.asarray(-svm.score_samples(_flat(windows)))


_BASELINES: dict[str, Callable[[Values, int], Detector]] = {
    "rms": _rms,
    "z-score": _z_score,
    "PCA": _pca,
    "nearest neighbours": _neighbours,
    "isolation forest": _forest,
    "one-class SVM": _svm,
}
