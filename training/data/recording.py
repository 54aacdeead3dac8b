"""Recordings: int16 counts of a sensor, with their gain, offset, rate and labels.

Every data set yields recordings. Labels belong to frames, so that the length of a window is chosen
later.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.bundle.validation import brief

INT16 = np.iinfo(np.int16)
NAME_LENGTH = 60  # characters of a channel's name or unit that are kept


@dataclass(frozen=True, eq=False)
class Recording:
    """Samples of one sensor, in order of time."""

    name: str  # of the recording; messages use it
    description: str  # one line for people
    counts: NDArray[np.int16]  # int16 [frames, channels]
    labels: NDArray[np.int8]  # int8 [frames], values of training.bundle.labels
    channels: tuple[str, ...]  # names, one per channel
    units: tuple[str, ...]  # one per channel
    gain: tuple[float, ...]  # counts per unit, one per channel
    offset: tuple[int, ...]  # counts, one per channel; physical value = (count - offset) / gain
    rate_hz: float | None  # frames per second, or None if frames are not equally spaced
    rate_is_nominal: bool = False  # the rate is arbitrary, so that figures per hour have no meaning
    simulated: bool = False  # a program computed the samples
    # int16 [frames], what a frame shows (a digit, an activity, a kind of beat), from 0, or None;
    # for pictures and probes, never for training
    classes: NDArray[np.int16] | None = None
    # Int64 [k], ascending; frames that do not follow the frame before them in time. No window
    # crosses a cut.
    cuts: NDArray[np.int64] = dataclass_field(default_factory=lambda: np.empty(0, np.int64))
    notes: tuple[str, ...] = ()  # sentences about what the reader did to the file

    def __post_init__(self) -> None:
        if self.counts.dtype != np.int16 or self.counts.ndim != 2:
            raise TypeError(f"{self.name}: counts must be int16 [frames, channels]")
        if self.labels.dtype != np.int8 or self.labels.shape != self.counts.shape[:1]:
            raise TypeError(f"{self.name}: labels must be int8 [frames]")
        if self.classes is not None and self.classes.shape != self.labels.shape:
            raise TypeError(f"{self.name}: classes must be int16 [frames]")
        if not np.isin(self.labels, (NORMAL, ABNORMAL, UNKNOWN)).all():
            raise ValueError(f"{self.name}: labels must be 0, 1 or -1")
        for field in ("channels", "units", "gain", "offset"):
            if len(getattr(self, field)) != self.counts.shape[1]:
                raise ValueError(f"{self.name}: {field} must have one entry per channel")
        edges = np.concatenate([[0], self.cuts, [self.frames]])
        if len(self.cuts) and not (np.diff(edges) > 0).all():
            raise ValueError(f"{self.name}: cuts must rise and lie within the recording")
        if self.rate_hz is not None and not self.rate_hz > 0:
            raise ValueError(f"{self.name}: rate_hz must be positive or None")
        # These come from files. A terminal would obey a control sequence in them.
        for field in ("name", "description"):
            object.__setattr__(self, field, brief(getattr(self, field), 500))
        for field in ("channels", "units"):
            shown = tuple(brief(text, NAME_LENGTH) for text in getattr(self, field))
            object.__setattr__(self, field, shown)

    @property
    def frames(self) -> int:
        """Number of frames; a frame is one sample of each channel."""
        return int(self.counts.shape[0])

    @property
    def seconds(self) -> float | None:
        """Length in seconds, or None without a rate or with a nominal one."""
        if self.rate_hz is None or self.rate_is_nominal:
            return None
        return self.frames / self.rate_hz

    def physical(self) -> NDArray[np.float64]:
        """Return the samples in their units, float64 [frames, channels]."""
        values: NDArray[np.float64] = (self.counts - np.asarray(self.offset)) / np.asarray(
            self.gain
        )
        return values

    def part(self, start: int, stop: int) -> Recording:
        """Return frames `start` to `stop - 1` as a recording."""
        classes = None if self.classes is None else self.classes[start:stop]
        counts, labels = self.counts[start:stop], self.labels[start:stop]
        cuts = self.cuts[(self.cuts > start) & (self.cuts < stop)] - start
        return replace(self, counts=counts, labels=labels, classes=classes, cuts=cuts)

    def stretches(self) -> list[tuple[int, int]]:
        """Return first frame and stop of each stretch without a cut."""
        edges = [0, *self.cuts.tolist(), self.frames]
        return list(itertools.pairwise(edges))

    @cached_property
    def sha256(self) -> str:
        """SHA-256, in hexadecimal, of the samples, the labels and what is needed to read them."""
        digest = hashlib.sha256()
        facts = (self.counts.shape, self.channels, self.units, self.gain, self.offset)
        digest.update(json.dumps([*facts, self.rate_hz, self.rate_is_nominal]).encode())
        digest.update(np.ascontiguousarray(self.counts, dtype="<i2").tobytes())
        digest.update(self.labels.tobytes())
        if len(self.cuts):
            digest.update(np.ascontiguousarray(self.cuts, dtype="<i8").tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set: a recording for training and one for testing, of the same sensor."""

    name: str
    description: str
    train: Recording
    test: Recording

    def __post_init__(self) -> None:
        for field in ("channels", "units", "gain", "offset", "rate_hz", "rate_is_nominal"):
            if getattr(self.train, field) != getattr(self.test, field):
                raise ValueError(f"{self.name}: train and test differ in {field}")

    @property
    def simulated(self) -> bool:
        """Whether one of the recordings is simulated."""
        return self.train.simulated or self.test.simulated

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader says about both recordings, each sentence once."""
        if self.test.name == self.train.name:  # two parts of one file
            return tuple(dict.fromkeys(self.train.notes + self.test.notes))
        several = " and " in self.test.name  # then each note names its file
        prefix = "" if several else f"{self.test.name}: "
        more = [prefix + note for note in self.test.notes if note not in self.train.notes]
        return (*self.train.notes, *more)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of both recordings, in hexadecimal."""
        return hashlib.sha256((self.train.sha256 + self.test.sha256).encode()).hexdigest()


def to_counts(
    values: ArrayLike, gain: ArrayLike, offset: ArrayLike, *, name: str
) -> NDArray[np.int16]:
    """Convert physical values [frames, channels] to counts: round(value * gain) + offset.

    Raises:
        DataError: a value exceeds int16; the message has its frame and channel, from 0.
    """
    counts = np.rint(np.asarray(values, np.float64) * np.asarray(gain)) + np.asarray(offset)
    outside = ~((counts >= INT16.min) & (counts <= INT16.max))
    if outside.any():
        row, channel = np.argwhere(outside)[0]
        raise DataError(
            f"{name}: frame {row}, channel {channel}: {counts[row, channel]:.0f} counts do not fit "
            f"int16 ({INT16.min} to {INT16.max}); choose a smaller gain"
        )
    return np.asarray(counts, np.int16)
