"""The default design for a sensor of which nothing is known: windows, inputs and features, by rule.

The board computes features of each window. A dense network reconstructs the features and, where
there are windows enough to learn their shape, the samples. The score joins its error, the distance
of the features from those of training, and the level. The rules look at the training part alone;
each gives its reason in one sentence. `python -m benchmarks.detection` measures the result.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import DataError
from training.bundle.features import STATISTICS, Statistic
from training.bundle.labels import ABNORMAL
from training.bundle.wording import plural
from training.data.recording import Recording
from training.period import find_period

TRAINING = 0.6  # share of the normal frames that the recipe `csv` trains on
LONGEST, SHORTEST = 128, 16  # frames per window; fewer only if a recording has too many cuts
LEAST = 4  # frames per window between many cuts
LONGEST_PERIOD = 512  # frames of a period that a window may cover
PERIODS = 8  # that the training part must hold for windows of one period
INDEPENDENT = 16  # windows without common frames that training should have
FOR_SAMPLES = 32  # of these per channel, from which on the samples are inputs too
MOST_SAMPLES = 512  # inputs that are samples
CALIBRATION = 105  # windows that a threshold at a false-alarm rate of 1 % takes, with some spare
MOST_WINDOWS = 20_000  # to train on; more take time and hardly help
MOST_FEATURES = 128  # inputs that are features
FEW_STATISTICS: tuple[Statistic, ...] = ("mean", "deviation")  # for many channels


@dataclass(frozen=True)
class Design:
    """Settings of a recipe that depend on the recording."""

    length: int  # frames per window
    hop: int
    train_hop: int | None  # None: windows in rows, which do not overlap
    samples: bool  # the samples of the window are inputs of the model, beside the features
    statistics: tuple[Statistic, ...]  # features of each channel
    bands: int  # of the spectrum of each channel, features too
    reasons: tuple[str, ...]  # a sentence for each choice


def choose_design(recording: Recording, row_is_window: bool = False) -> Design:
    """Choose the design for a recording of which TRAINING of the normal frames are trained on.

    Raises:
        DataError: no frame is normal, or the stretches between cuts are shorter than any window.
    """
    normal = int((recording.labels != ABNORMAL).sum())
    if not normal:
        raise DataError(
            f"{recording.name}: all {recording.frames} frames of the training part are labelled "
            "abnormal; record normal operation, or name a file of it and set data.test_path; "
            "if the label means normal, set data.normal to it"
        )
    if row_is_window:
        start, stop = recording.stretches()[0]
        length, hop, train_hop = stop - start, stop - start, None
        why = "each row of the file is one"
    else:
        length, why = _length(recording, normal)
        hop, train_hop = _hops(recording, length, normal)
    independent = int(TRAINING * normal) // length
    channels = len(recording.channels)
    samples, inputs = _inputs(length, channels, independent)
    statistics = STATISTICS if len(STATISTICS) * channels <= MOST_FEATURES else FEW_STATISTICS
    bands = min(max(64 // channels - 8, 0), 16, length // 4)
    spectrum = f" and the power in {bands} bands" if bands else ""
    reasons = (
        f"Windows of {length} frames: {why}.",
        inputs,
        f"Features: {len(statistics)} statistics{spectrum} of each channel "
        f"({channels * (len(statistics) + bands)} in all).",
    )
    return Design(length, hop, train_hop, samples, statistics, bands, reasons)


def _length(recording: Recording, normal: int) -> tuple[int, str]:
    """Choose the frames per window, and say why."""
    stretches = np.array([stop - start for start, stop in recording.stretches()])

    def fits(length: int) -> bool:
        return bool(stretches[stretches >= length].sum() >= recording.frames / 2)

    period = _period(recording)
    if period is not None and normal * TRAINING >= PERIODS * period and fits(period):
        return period, "the signal repeats itself after as many"
    length = LONGEST
    while length > SHORTEST and normal * TRAINING < INDEPENDENT * length:
        length //= 2
    why = f"the training part holds {int(normal * TRAINING) // length} of them side by side"
    while length > LEAST and not fits(length):
        length //= 2
        why = "longer ones do not fit between the cuts"
    if not (stretches >= length).any():
        raise DataError(
            f"{recording.name}: no window of {length} frames fits into its {recording.frames} "
            f"frames, which {len(stretches) - 1} cuts interrupt; record for longer"
        )
    return length, why


def _period(recording: Recording) -> int | None:
    """Find a period of a channel that is longer than the longest other window."""
    counts = _longest_normal(recording)
    for channel in range(counts.shape[1]):
        period = find_period(counts[:, channel].astype(np.float64), LONGEST_PERIOD)
        if period is not None and period > LONGEST:
            return period
    return None


def _longest_normal(recording: Recording) -> NDArray[np.int16]:
    """Return the longest stretch without a cut or an abnormal frame, int16 [n, channels]."""
    changes = np.flatnonzero(np.diff(recording.labels == ABNORMAL)) + 1
    edges = np.unique([0, *changes.tolist(), *recording.cuts.tolist(), recording.frames])
    pieces = [
        (stop - start, start, stop)
        for start, stop in itertools.pairwise(edges.tolist())
        if recording.labels[start] != ABNORMAL
    ]
    _, start, stop = max(pieces, default=(0, 0, 0))
    return recording.counts[start:stop]


def hop_for(recording: Recording, length: int, share: float) -> int:
    """Choose the largest hop, at most `length`, that leaves enough windows to calibrate with.

    `share` is the part of the normal windows that sets the threshold.
    """
    normal = int((recording.labels != ABNORMAL).sum())
    hop = 1
    while 2 * hop <= length and normal * share / (2 * hop) >= CALIBRATION:
        hop *= 2
    return hop


def _hops(recording: Recording, length: int, normal: int) -> tuple[int, int]:
    """Choose hop and train_hop: windows enough to calibrate with, and not too many to train on."""
    hop = max(1, min(hop_for(recording, length, TRAINING / 2), length // 2))
    train_hop = max(1, hop // 8)
    while train_hop < hop and normal * TRAINING / train_hop > MOST_WINDOWS:
        train_hop *= 2
    return hop, train_hop


def _inputs(length: int, channels: int, independent: int) -> tuple[bool, str]:
    """Choose whether samples are inputs of the model too, and say why."""
    if length * channels > MOST_SAMPLES:
        return False, (
            f"Inputs: features alone, because {length * channels} samples per window are more "
            f"than {MOST_SAMPLES}."
        )
    needed = FOR_SAMPLES * channels
    if independent < needed:
        return False, (
            f"Inputs: features alone, because {independent} windows side by side are too few to "
            f"learn the shape of the samples ({needed} for {_channels(channels)})."
        )
    return True, (
        f"Inputs: samples and features, because {independent} windows side by side are enough to "
        f"learn the shape of the samples ({needed} for {_channels(channels)})."
    )


def _channels(count: int) -> str:
    return f"{count} {plural('channel', count)}"
