"""The segmenters that a manifest describes, as the firmware's own C++ objects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bundle import manifest
from training.bundle.manifest import Manifest
from training.native.core import BeatSegmenter, QrsConfig
from training.native.core import Segmenter as FixedSegmenter


@dataclass(frozen=True, eq=False)
class Segments:
    """The windows that a segmenter cut from the frames of one call."""

    index: NDArray[np.int64]  # int64 [k]
    first: NDArray[np.int64]  # int64 [k], the first frame of each window
    # uint32 [k], frames from the R before to this R; 0: unknown, or windows of fixed length
    interval: NDArray[np.uint32]
    counts: NDArray[np.int16]  # int16 [k, window, channels]
    lost: list[tuple[int, int]]  # (first, count) of the windows lost to gaps


class FixedWindows:
    """Cuts a stream of frames into windows of fixed length."""

    def __init__(self, settings: manifest.Segmenter, channels: int) -> None:
        self._hop = settings.hop
        self._segmenter = FixedSegmenter(settings.window, settings.hop, channels)

    def push(self, first_frame: int, frames: NDArray[np.int16]) -> Segments:
        """Take int16 [n, channels], the first at absolute index `first_frame`."""
        indices, counts, lost = self._segmenter.push(first_frame, frames)
        index = indices.astype(np.int64)
        return Segments(index, index * self._hop, np.zeros(len(index), np.uint32), counts, lost)

    def restart(self, frame: int) -> None:
        """Forget everything; expect `frame`."""
        self._segmenter.restart(frame)

    @property
    def next_window(self) -> int:
        """All windows before it were cut, are lost, or hold no beat."""
        return self._segmenter.next_window


class BeatWindows:
    """Cuts a stream of frames into windows about the R peaks."""

    def __init__(self, settings: manifest.Beats, channels: int) -> None:
        self._before = settings.before
        self._segmenter = BeatSegmenter(
            settings.window,
            settings.before,
            settings.hop,
            channels,
            settings.lead,
            QrsConfig(**settings.qrs.model_dump()),
        )

    def push(self, first_frame: int, frames: NDArray[np.int16]) -> Segments:
        """Take int16 [n, channels], the first at absolute index `first_frame`."""
        beats = self._segmenter.push(first_frame, frames)
        first = beats["peaks"].astype(np.int64) - self._before
        index = beats["slots"].astype(np.int64)
        return Segments(index, first, beats["intervals"], beats["windows"], beats["lost"])

    def restart(self, frame: int) -> None:
        """Forget everything; expect `frame`."""
        self._segmenter.restart(frame)

    @property
    def next_window(self) -> int:
        """All windows before it were cut, are lost, or hold no beat."""
        return self._segmenter.next_window


def make_segmenter(
    settings: manifest.Segmenter | manifest.Beats, channels: int
) -> FixedWindows | BeatWindows:
    """Build the C++ segmenter."""
    if isinstance(settings, manifest.Beats):
        return BeatWindows(settings, channels)
    return FixedWindows(settings, channels)


def segmenter_of(m: Manifest) -> FixedWindows | BeatWindows:
    """Build the segmenter of a bundle."""
    return make_segmenter(m.segmenter, len(m.signal.channels))
