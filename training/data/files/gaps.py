"""Cuts in a stream: missing frames between two stretches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.bundle.labels import UNKNOWN
from training.data.files.table import Table

MOST_LOST = 1_000_000  # missing frames that stand for one gap


def frames_lost(
    cuts: NDArray[np.int64], lost: NDArray[np.int64], window: int, hop: int
) -> NDArray[np.int64]:
    """Return how many missing frames a stream has at each cut, int64 [cuts].

    As many as were lost, at most a million. Where that is not known (0), the next stretch begins
    at a multiple of `hop`, as in training, and at least one frame is missing if a window would
    hold frames of both stretches otherwise.
    """
    counts = np.clip(lost, 0, MOST_LOST)
    before = 0  # missing frames up to the cut
    for n, cut in enumerate(cuts.tolist()):
        if not counts[n]:
            at = cut + before
            counts[n] = -at % hop or (0 if window <= hop else hop)
        before += int(counts[n])
    return counts


def with_gaps(
    table: Table, gone: NDArray[np.bool_], window: int, hop: int
) -> tuple[NDArray[np.float64], NDArray[np.int8], NDArray[np.bool_]]:
    """Return values, labels and missing frames, with the lost frames at each cut.

    `gone`, bool [frames], adds to the table's missing frames. Missing values become 0.
    """
    at = np.repeat(table.cuts, frames_lost(table.cuts, table.lost, window, hop))
    values = np.insert(table.values, at, np.nan, axis=0)
    labels = np.insert(table.labels, at, UNKNOWN)
    missing = np.insert(table.missing | gone, at, True)
    return np.nan_to_num(values, copy=False), labels, missing
