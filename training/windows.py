"""Load the data of a recipe, cut recordings into windows, and divide the windows into parts.

Windows are cut by the board's own segmenter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training import data, sections
from training import recipe as recipes
from training.bundle.errors import DataError, RecipeError, UnavailableError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.data.recording import Dataset, Recording
from training.native import Segmenter


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one recording."""

    counts: NDArray[np.int16]  # int16 [n, window, channels]
    labels: NDArray[np.int8]  # int8 [n]
    first: NDArray[np.int64]  # int64 [n], index of the first frame of each window

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, which: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Windows:
        return Windows(self.counts[which], self.labels[which], self.first[which])


@dataclass(frozen=True, eq=False)
class Parts:
    """The windows of a data set by their use."""

    train: Windows  # normal windows that set the weights
    validation: Windows  # normal windows that select the best epoch; may be empty
    calibration: Windows  # normal windows that set the threshold
    # abnormal windows of the training recording, for the threshold method best_f1
    abnormal: Windows
    test: Windows  # all windows of the test recording


def load_data(
    recipe: recipes.Recipe, say: Callable[[str], None] = lambda _: None
) -> tuple[recipes.Recipe, Dataset]:
    """Load the recipe's data set, or that of its fallback if the data set is unavailable.

    Args:
        say: called with one line for the user for the fallback, simulated data and each note.

    Returns:
        The recipe that applies, and its data.

    Raises:
        UnavailableError: the data set is unavailable and the recipe has no fallback.
        DataError: a file has the wrong contents.
    """
    try:
        dataset = data.load_dataset(recipe.data)
    except UnavailableError as problem:
        if recipe.fallback is None:
            raise
        say(f"{problem}. Falling back to the recipe '{recipe.fallback}'.")
        return load_data(recipes.read_recipe(recipe.fallback), say)
    if dataset.simulated:
        say("The data are simulated, not recorded by a sensor.")
    for note in dataset.notes:
        say(note)
    return recipe, dataset


def cut(recording: Recording, window: int, hop: int) -> Windows:
    """Cut all whole windows of `recording`, with lengths in frames.

    A window is abnormal if any of its frames is. Otherwise its label is unknown if the label of
    any frame is, and normal if all frames are normal. No window crosses a cut of the recording.

    Raises:
        DataError: no stretch between cuts is as long as one window.
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
            "make a longer recording, or set a shorter windows.length"
        )
    first = np.concatenate([start + index.astype(np.int64) * hop for start, index, _ in pieces])
    counts = pieces[0][2] if len(pieces) == 1 else np.concatenate([c for _, _, c in pieces])

    def frames_with(label: int) -> NDArray[np.int64]:
        total = np.concatenate([[0], np.cumsum(recording.labels == label)])
        return np.asarray(total[first + window] - total[first])

    labels = np.where(frames_with(UNKNOWN) > 0, UNKNOWN, NORMAL)
    labels = np.where(frames_with(ABNORMAL) > 0, ABNORMAL, labels).astype(np.int8)
    return Windows(counts, labels, first)


def divide(dataset: Dataset, windows: sections.Windows, split: sections.Split, seed: int) -> Parts:
    """Cut `dataset` and divide its windows as the recipe specifies.

    If the training recording has no labels at all, all its windows count as normal.

    Raises:
        RecipeError: the windows overlap but are to be shuffled.
        DataError: no window is left for training or calibration.
    """
    all_windows = cut(dataset.train, windows.length, windows.hop)
    label_of_normal = UNKNOWN if (dataset.train.labels == UNKNOWN).all() else NORMAL
    normal = all_windows[all_windows.labels == label_of_normal]
    if split.order == "shuffled":
        if windows.hop < windows.length or windows.train_hop is not None:
            raise RecipeError(
                "split.order is 'shuffled', but the windows overlap, so that the training windows "
                "would share frames with the others: set it to 'time'"
            )
        normal = normal[np.random.default_rng(seed).permutation(len(normal))]
    n = len(normal)
    n_calibration, n_validation = round(n * split.calibration), round(n * split.validation)
    train, validation, calibration = np.split(
        np.arange(n), [n - n_validation - n_calibration, n - n_calibration]
    )
    if not (len(train) and len(calibration)):
        raise DataError(
            f"{dataset.train.name}: {n} normal windows are too few to train and calibrate; make a "
            "longer recording, or set a smaller windows.hop"
        )
    if split.order == "time":
        # A window that crosses a border shares frames with the part before it.
        validation = _after(normal, validation, train, windows.length)
        calibration = _after(normal, calibration, np.append(train, validation), windows.length)
        if not len(calibration):
            raise DataError(
                f"{dataset.train.name}: no normal window is left for calibration; make a longer "
                "recording, or set a larger split.calibration"
            )
    training = normal[train]
    if windows.train_hop is not None:
        end = int(training.first[-1]) + windows.length
        dense = cut(dataset.train.part(0, end), windows.length, windows.train_hop)
        training = dense[dense.labels == label_of_normal]
    return Parts(
        train=training,
        validation=normal[validation],
        calibration=normal[calibration],
        abnormal=all_windows[all_windows.labels == ABNORMAL],
        test=cut(dataset.test, windows.length, windows.hop),
    )


def _after(
    windows: Windows, part: NDArray[np.int64], before: NDArray[np.int64], length: int
) -> NDArray[np.int64]:
    """Select the windows of `part` that begin after the last frame of those in `before`."""
    return np.asarray(part[windows.first[part] >= windows.first[before].max() + length])
