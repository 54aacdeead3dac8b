"""Lays windows out as one recording, for a board that cuts its windows itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bundle.manifest import Beats, Manifest, Polyphase
from training.bundle.segment import segmenter_of


@dataclass(frozen=True, eq=False)
class Stream:
    """A recording made of chosen windows."""

    frames: NDArray[np.int16]  # int16 [n, channels], the recording
    # int16 [k, window, channels], the windows that the segmenter cuts from it
    windows: NDArray[np.int16]
    raw: NDArray[np.int16]  # the same, before the filter
    index: NDArray[np.int64]  # int64 [k], their indices in the stream
    # uint32 [k], frames from the R before; 0: unknown, or windows of fixed length
    interval: NDArray[np.uint32]
    # int64 [c], the places of the chosen windows among them; empty for windows about heartbeats,
    # and behind a conversion of the rate
    chosen: NDArray[np.int64]


def lay_out(m: Manifest, counts: NDArray[np.int16]) -> Stream:
    """Concatenate the windows `counts` int16 [c, window, channels].

    Each begins at a multiple of the hop, so that the segmenter cuts it whole. With a hop shorter
    than the window, the segmenter also cuts windows that overlap two neighbours. If the window's
    length is no multiple of the hop, the last frame is repeated up to the next multiple.
    """
    channels = len(m.signal.channels)
    if isinstance(m.segmenter, Beats) or isinstance(m.rate, Polyphase):
        # The detector finds its own beats in beats laid end to end, and cuts other windows; so
        # does a segmenter behind a conversion of the rate.
        frames = np.ascontiguousarray(counts.reshape(-1, channels))
        found = segmenter_of(m).push(0, frames)
        return Stream(
            frames,
            found.counts,
            found.raw,
            found.index,
            found.interval,
            np.empty(0, np.int64),
        )
    window, hop = m.segmenter.window, m.segmenter.hop
    step = -(-window // hop) * hop
    padded = np.pad(counts, ((0, 0), (0, step - window), (0, 0)), mode="edge")
    frames = np.ascontiguousarray(padded.reshape(-1, channels))
    found = segmenter_of(m).push(0, frames)
    if found.lost or not np.array_equal(found.index, np.arange(len(found.index))):
        raise AssertionError("the segmenter lost windows of a recording without a gap")
    chosen = np.arange(len(counts), dtype=np.int64) * (step // hop)
    return Stream(frames, found.counts, found.raw, found.index, found.interval, chosen)
