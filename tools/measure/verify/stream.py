"""Windows laid out as one recording, so that a board that cuts its own windows meets them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bundle.manifest import Manifest
from training.native.core import Segmenter


@dataclass(frozen=True, eq=False)
class Stream:
    """A recording made of chosen windows.

    frames int16 [n, channels]: what is sent
    windows int16 [k, window, channels]: what the segmenter cuts from it, in order
    chosen int64 [c]: which of the k are the chosen windows, in the order given
    """

    frames: NDArray[np.int16]
    windows: NDArray[np.int16]
    chosen: NDArray[np.int64]


def lay_out(m: Manifest, counts: NDArray[np.int16]) -> Stream:
    """Put the windows `counts` int16 [c, window, channels] one after the other.

    Each begins at a multiple of the hop, so that the segmenter cuts it whole; where hops are
    shorter than the window, windows astride two neighbours come on top, and where the hop does
    not fit the window, the last frame is repeated in between.
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
