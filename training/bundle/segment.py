"""The segmenters that a manifest describes, as the firmware's own C++ objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.bundle import manifest
from training.bundle.manifest import Manifest
from training.native.core import BeatSegmenter, BiquadFilter, QrsConfig
from training.native.core import Segmenter as FixedSegmenter


@dataclass(frozen=True, eq=False)
class Segments:
    """The windows that a segmenter cut from the frames of one call."""

    index: NDArray[np.int64]  # int64 [k]
    first: NDArray[np.int64]  # int64 [k], the first frame of each window
    # uint32 [k], frames from the R before to this R; 0: unknown, or windows of fixed length
    interval: NDArray[np.uint32]
    counts: NDArray[np.int16]  # int16 [k, window, channels], filtered
    raw: NDArray[np.int16]  # int16 [k, window, channels], by which the gate judges
    lost: list[tuple[int, int]]  # (first, count) of the windows lost to gaps


Stage = TypeVar("Stage", FixedSegmenter, BeatSegmenter)


class _Windows(Generic[Stage]):
    """What the segmenters of fixed windows and of beats have in common."""

    _segmenter: Stage

    def restart(self, frame: int) -> None:
        """Forget everything; expect `frame`."""
        self._segmenter.restart(frame)

    @property
    def next_frame(self) -> int:
        """The frame that must come now."""
        return self._segmenter.next_frame

    @property
    def next_window(self) -> int:
        """All windows before it were cut, are lost, or hold no beat."""
        return self._segmenter.next_window


class FixedWindows(_Windows[FixedSegmenter]):
    """Cuts a stream of frames into windows of fixed length."""

    def __init__(self, settings: manifest.Segmenter, channels: int) -> None:
        self._hop = settings.hop
        self._segmenter = FixedSegmenter(settings.window, settings.hop, channels)

    def push(self, first_frame: int, frames: NDArray[np.int16]) -> Segments:
        """Take int16 [n, channels], the first at absolute index `first_frame`."""
        indices, counts, lost = self._segmenter.push(first_frame, frames)
        index = indices.astype(np.int64)
        intervals = np.zeros(len(index), np.uint32)
        return Segments(index, index * self._hop, intervals, counts, counts, lost)


class BeatWindows(_Windows[BeatSegmenter]):
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
        counts = beats["windows"]
        return Segments(index, first, beats["intervals"], counts, counts, beats["lost"])


class FilteredWindows:
    """A segmenter behind a biquad filter; firmware/lib/signal/filtered.h does the same."""

    def __init__(
        self, sections: list[list[int]], stage: FixedWindows | BeatWindows, channels: int
    ) -> None:
        self._filter, self._stage = BiquadFilter(sections, channels), stage
        self._channels = channels

    def push(self, first_frame: int, frames: NDArray[np.int16]) -> Segments:
        """Take int16 [n, channels], the first at absolute index `first_frame`."""
        next_frame = self._stage.next_frame
        if first_frame > next_frame:
            self._filter.restart()
        known = min(max(next_frame - first_frame, 0), len(frames))
        fresh = np.ascontiguousarray(frames[known:])
        both = np.concatenate([fresh, self._filter.push(fresh)], axis=1)
        found = self._stage.push(first_frame + known, np.ascontiguousarray(both))
        return replace(
            found,
            counts=np.ascontiguousarray(found.counts[:, :, self._channels :]),
            raw=np.ascontiguousarray(found.counts[:, :, : self._channels]),
        )

    def restart(self, frame: int) -> None:
        """Forget everything; expect `frame`."""
        self._filter.restart()
        self._stage.restart(frame)

    @property
    def next_window(self) -> int:
        """All windows before it were cut, are lost, or hold no beat."""
        return self._stage.next_window


Windows = FixedWindows | BeatWindows | FilteredWindows


def make_segmenter(
    settings: manifest.Segmenter | manifest.Beats,
    channels: int,
    filter: manifest.NoFilter | manifest.Biquads | None = None,
) -> Windows:
    """Build the C++ segmenter, behind its filter if there is one."""
    sections = filter.sections if isinstance(filter, manifest.Biquads) else []
    twice = channels * (2 if sections else 1)
    stage: FixedWindows | BeatWindows = (
        BeatWindows(settings, twice)
        if isinstance(settings, manifest.Beats)
        else FixedWindows(settings, twice)
    )
    return FilteredWindows(sections, stage, channels) if sections else stage


def segmenter_of(m: Manifest) -> Windows:
    """Build the segmenter of a bundle."""
    return make_segmenter(m.segmenter, len(m.signal.channels), m.filter)
