"""Lays windows out as one recording, for a board that cuts its windows itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bundle.manifest import Manifest
from training.native.core import Segmenter


@dataclass(frozen=True, eq=False)
class Stream:
    """A recording made of chosen windows."""

    frames: NDArray[np.int16]  # int16 [n, channels], the recording
    # int16 [k, window, channels], the windows that the segmenter cuts from it
    windows: NDArray[np.int16]
    chosen: NDArray[np.int64]  # int64 [c], indices of the chosen windows among them


def lay_out(m: Manifest, counts: NDArray[np.int16]) -> Stream:
    """Concatenate the windows `counts` int16 [c, window, channels].

    Each begins at a multiple of the hop, so that the segmenter cuts it whole. With a hop shorter
    than the window, the segmenter also cuts windows that overlap two neighbours. If the window's
    length is no multiple of the hop, the last frame is repeated up to the next multiple.
    """
    window, hop, channels = m.segmenter.window, m.segmenter.hop, len(m.signal.channels)
    step = -(-window // hop) * hop
    padded = np.pad(counts, ((0, 0), (0, step - window), (0, 0)), mode="edge")
    frames = np.ascontiguousarray(padded.reshape(-1, channels))
    indices, cut, lost = Segmenter(window, hop, channels).push(0, frames)
    if lost or not np.array_equal(indices, np.arange(len(indices))):
        raise AssertionError("the segmenter lost windows of a recording without a gap")
    chosen = np.arange(len(counts), dtype=np.int64) * (step // hop)
    return Stream(frames, cut, chosen)
