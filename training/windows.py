"""Cut recordings into windows, and hold some of the normal ones back.

The cutting is done by the same segmenter that runs on the board.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training import recipe as recipes
from training.bundle.errors import DataError, RecipeError
from training.data.recording import ABNORMAL, NORMAL, UNKNOWN, Dataset, Recording
from training.native import Segmenter


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one recording.

    counts int16 [n, window, channels], labels int8 [n], first int64 [n]: each one's first frame
    """

    counts: NDArray[np.int16]
    labels: NDArray[np.int8]
    first: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Windows:
        return Windows(self.counts[which], self.labels[which], self.first[which])


@dataclass(frozen=True, eq=False)
class Parts:
    """The windows of a data set by their use; the first three hold normal windows alone."""

    train: Windows
    validation: Windows  # empty where the recipe holds none back
    calibration: Windows
    abnormal: Windows  # the training recording's: never trained on, may help to choose a threshold
    test: Windows


def cut(recording: Recording, window: int, hop: int) -> Windows:
    """All whole windows of `recording`.

    A window is abnormal if any of its frames is, otherwise of unknown label if any frame is, and
    normal if every frame is. No window crosses one of the recording's cuts.
    Raises DataError if no stretch is as long as one window.
    """
    channels = len(recording.channels)
    pieces = [
        (start, *Segmenter(window, hop, channels).push(0, recording.counts[start:stop])[:2])
        for start, stop in recording.stretches()
        if stop - start >= window
    ]
    if not pieces:
        if recording.frames >= window:
            raise DataError(
                f"{recording.name}: no stretch without a gap or a missing value is as long as one "
                f"window of {window}; set data.interpolate, or a shorter windows.length"
            )
        raise DataError(
            f"{recording.name}: {recording.frames} frames, fewer than one window of {window}; "
            "record for longer, or set a shorter windows.length"
        )
    first = np.concatenate([start + index.astype(np.int64) * hop for start, index, _ in pieces])
    counts = pieces[0][2] if len(pieces) == 1 else np.concatenate([c for _, _, c in pieces])

    def frames_with(label: int) -> NDArray[np.int64]:
        total = np.concatenate([[0], np.cumsum(recording.labels == label)])
        return np.asarray(total[first + window] - total[first])

    labels = np.where(frames_with(UNKNOWN) > 0, UNKNOWN, NORMAL)
    labels = np.where(frames_with(ABNORMAL) > 0, ABNORMAL, labels).astype(np.int8)
    return Windows(counts, labels, first)


def divide(dataset: Dataset, windows: recipes.Windows, split: recipes.Split, seed: int) -> Parts:
    """Cut `dataset` and divide it as the recipe says.

    Where the training recording has no labels at all, every window of it counts as normal.
    Raises DataError if a part that must hold windows would be empty.
    """
    everything = cut(dataset.train, windows.length, windows.hop)
    presumed = UNKNOWN if (dataset.train.labels == UNKNOWN).all() else NORMAL
    normal = everything[everything.labels == presumed]
    if split.order == "shuffled":
        if windows.hop < windows.length or windows.train_hop is not None:
            raise RecipeError(
                "split.order is 'shuffled', but the windows overlap: the same frames would be "
                "trained on and held back; use 'time'"
            )
        normal = normal[np.random.default_rng(seed).permutation(len(normal))]
    n = len(normal)
    held = round(n * split.calibration)
    stop = round(n * split.validation)
    train, validation, calibration = np.split(np.arange(n), [n - stop - held, n - held])
    if not (len(train) and len(calibration)):
        raise DataError(
            f"{dataset.train.name}: {n} normal windows are too few to train and calibrate; record "
            "for longer, or set a smaller windows.hop"
        )
    if split.order == "time":
        # Windows that reach back over a border share frames with the part before it.
        validation = _after(normal, validation, train, windows.length)
        calibration = _after(normal, calibration, np.append(train, validation), windows.length)
        if not len(calibration):
            raise DataError(
                f"{dataset.train.name}: no normal window is left to calibrate with; record for "
                "longer, or set a larger split.calibration"
            )
    training = normal[train]
    if windows.train_hop is not None:
        end = int(training.first[-1]) + windows.length
        dense = cut(dataset.train.part(0, end), windows.length, windows.train_hop)
        training = dense[dense.labels == presumed]
    return Parts(
        train=training,
        validation=normal[validation],
        calibration=normal[calibration],
        abnormal=everything[everything.labels == ABNORMAL],
        test=cut(dataset.test, windows.length, windows.hop),
    )


def _after(
    windows: Windows, part: NDArray[np.int64], before: NDArray[np.int64], length: int
) -> NDArray[np.int64]:
    """The windows of `part` that begin after the last frame of those in `before`."""
    return np.asarray(part[windows.first[part] >= windows.first[before].max() + length])
