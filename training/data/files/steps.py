"""Steps from one stamp of a clock to the next: runs of equal ones, and their distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FEWEST_STILL = 20  # equal stamps from which a clock may have stopped


def in_turn(longer: NDArray[np.bool_]) -> bool:
    """Return whether longer steps come at regular distances, as of a period between two ticks.

    Lost frames come at random: the deviation of their distances is about as large as the mean.
    """
    apart = np.diff(np.flatnonzero(longer))
    if len(apart) < 3 or longer.mean() <= 0.01:
        return False
    return bool(apart.std() <= 0.5 * apart.mean())


def stands_still(steps: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which steps lie in a run of equal stamps ten times as long as the others are."""
    zero = steps == 0
    _, lengths = _runs(zero)
    groups = int((~zero).sum()) + 1  # of equal stamps; most are of one
    at = int(0.95 * (groups - 1)) - (groups - len(lengths))
    usual = float(np.sort(lengths)[at]) if at >= 0 and len(lengths) else 0.0
    return in_runs(zero, max(FEWEST_STILL, 10 * usual))


def _runs(marked: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first indices and lengths of the runs of marked ones."""
    edges = np.flatnonzero(np.diff(marked.view(np.int8), prepend=0, append=0))
    return edges[::2], edges[1::2] - edges[::2]


def in_runs(marked: NDArray[np.bool_], fewest: float) -> NDArray[np.bool_]:
    """Return which of the marked lie in a run of at least `fewest`."""
    long = np.zeros(len(marked), np.bool_)
    starts, lengths = _runs(marked)
    for n in np.flatnonzero(lengths >= fewest):
        long[starts[n] : starts[n] + lengths[n]] = True
    return long
