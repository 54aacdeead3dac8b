"""The segmenters that a manifest describes, as the firmware's own C++ objects."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from training.bundle import manifest
from training.bundle.manifest import Manifest
from training.bundle.segmenter_schema import grid_of
from training.native.core import BeatSegmenter, BiquadFilter, QrsConfig, Resampler
from training.native.core import Segmenter as FixedSegmenter


@dataclass(frozen=True, eq=False)
class Segments:
    """The windows that a segmenter cut from the frames of one call."""

    index: NDArray[np.int64]  # int64 [k]
    first: NDArray[np.int64]  # int64 [k], the stream's frame at which each window begins
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
    def next_frame(self) -> int:
        """The frame that must come now."""
        return self._stage.next_frame

    @property
    def next_window(self) -> int:
        """All windows before it were cut, are lost, or hold no beat."""
        return self._stage.next_window


class ResampledWindows:
    """A segmenter behind a conversion of the rate; firmware/lib/signal/resampled.h does the same.

    Frames and intervals are those of the sensor; the counts of a window are the model's.
    """

    def __init__(
        self,
        rate: manifest.Polyphase,
        settings: manifest.Segmenter | manifest.Beats,
        stage: FixedWindows | BeatWindows | FilteredWindows,
        channels: int,
    ) -> None:
        self._rate, self._stage = rate, stage
        self._before = settings.before if isinstance(settings, manifest.Beats) else 0
        self._grid = grid_of(settings, rate)
        self._resampler = Resampler(rate.up, rate.down, rate.taps, channels, rate.coefficients)
        self._next_output = 0
        self.next_frame = 0  # the frame that must come now

    def restart(self, frame: int) -> None:
        """Forget everything; expect `frame`."""
        self._continue_at(frame)
        self._stage.restart(self._next_output)

    def _continue_at(self, frame: int) -> None:
        self.next_frame = frame
        self._next_output = -(-frame * self._rate.up // self._rate.down)
        self._resampler.restart(frame)

    @property
    def next_window(self) -> int:
        """All windows before it were cut, are lost, or hold no beat."""
        return self._stage.next_window

    def push(self, first_frame: int, frames: NDArray[np.int16]) -> Segments:
        """Take int16 [n, channels], the first at absolute index `first_frame`."""
        if first_frame > self.next_frame:
            self._continue_at(first_frame)
        fresh = np.ascontiguousarray(frames[max(self.next_frame - first_frame, 0) :])
        converted = self._resampler.push(fresh)
        found = self._stage.push(self._next_output, converted)
        self.next_frame += len(fresh)
        self._next_output += len(converted)
        of_model = found.first + self._before
        at = self._nearest(of_model)
        intervals = (at - self._nearest(of_model - found.interval)).astype(np.uint32)
        return replace(found, first=at - self._grid.before, interval=intervals)

    def _nearest(self, frames: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the sensor's frames nearest to frames of the model."""
        return (frames * self._rate.down + self._rate.up // 2) // self._rate.up


Windows = FixedWindows | BeatWindows | FilteredWindows | ResampledWindows


def make_segmenter(
    settings: manifest.Segmenter | manifest.Beats,
    channels: int,
    filter: manifest.NoFilter | manifest.Biquads | None = None,
    rate: manifest.NoConversion | manifest.Polyphase | None = None,
) -> Windows:
    """Build the C++ segmenter, behind its rate conversion and its filter if there are any."""
    sections = filter.sections if isinstance(filter, manifest.Biquads) else []
    twice = channels * (2 if sections else 1)
    cut: FixedWindows | BeatWindows = (
        BeatWindows(settings, twice)
        if isinstance(settings, manifest.Beats)
        else FixedWindows(settings, twice)
    )
    stage = FilteredWindows(sections, cut, channels) if sections else cut
    if isinstance(rate, manifest.Polyphase):
        return ResampledWindows(rate, settings, stage, channels)
    return stage


def segmenter_of(m: Manifest) -> Windows:
    """Build the segmenter of a bundle."""
    return make_segmenter(m.segmenter, len(m.signal.channels), m.filter, m.rate)
