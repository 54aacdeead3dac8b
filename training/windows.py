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
from training.beats import beats_at
from training.bundle import manifest
from training.bundle.errors import DataError, RecipeError, UnavailableError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.bundle.manifest import NoFilter
from training.bundle.segment import make_segmenter
from training.data.recording import Dataset, Recording
from training.filters import filter_of

Settings = manifest.Segmenter | manifest.Beats
Filter = NoFilter | manifest.Biquads


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of one recording."""

    counts: NDArray[np.int16]  # int16 [n, window, channels]
    labels: NDArray[np.int8]  # int8 [n]
    first: NDArray[np.int64]  # int64 [n], index of the first frame of each window
    # uint32 [n], frames from the R peak before to that of the window; 0: unknown, or fixed windows
    intervals: NDArray[np.uint32]
    raw: NDArray[np.int16]  # int16 [n, window, channels], before the filter; the gate judges them

    def __len__(self) -> int:
        return len(self.labels)

    def spacing(self, hop: int) -> float:
        """Return the frames from one window to the next: `hop`, or the mean interval of beats."""
        known = self.intervals[self.intervals > 0]
        return float(known.mean()) if len(known) else float(hop)

    def __getitem__(self, which: NDArray[np.int64] | NDArray[np.bool_] | slice) -> Windows:
        counts = self.counts[which]
        return Windows(
            counts,
            self.labels[which],
            self.first[which],
            self.intervals[which],
            counts if self.raw is self.counts else self.raw[which],
        )


@dataclass(frozen=True, eq=False)
class Parts:
    """The windows of a data set by their use."""

    train: Windows  # normal windows that set the weights
    validation: Windows  # normal windows that select the best epoch; may be empty
    calibration: Windows  # normal windows that set the threshold
    # abnormal windows of the training recording, for fit.abnormal or the threshold method best_f1
    abnormal: Windows
    test: Windows  # all windows of the test recording
    stream: Windows  # all windows of the training recording, in the order of time


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


def segmenter(windows: sections.Windows, rate_hz: float | None) -> Settings:
    """Return the segmenter that a recipe's section describes, for frames at `rate_hz`.

    Raises:
        RecipeError: beats cannot be found at this rate.
    """
    if windows.kind == "beats":
        return beats_at(rate_hz, windows.length, windows.before or 0, windows.lead)
    return manifest.Segmenter(kind="fixed", window=windows.length, hop=windows.hop)


def cut(recording: Recording, settings: Settings, filter: Filter | None = None) -> Windows:
    """Cut all whole windows of `recording`. No window crosses a cut of the recording.

    A window of fixed length is abnormal if any of its frames is. Otherwise its label is unknown if
    the label of any frame is, and normal if all frames are normal. A beat has the label of the
    frame at R.

    Raises:
        DataError: no stretch between cuts is as long as one window, or no beat is found.
    """
    window, channels = settings.window, len(recording.channels)
    pieces = [
        (start, make_segmenter(settings, channels, filter).push(0, recording.counts[start:stop]))
        for start, stop in recording.stretches()
        if stop - start >= settings.span
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
    first = np.concatenate([start + piece.first for start, piece in pieces])
    counts, raw = (
        pieces_of[0] if len(pieces_of) == 1 else np.concatenate(pieces_of)
        for pieces_of in ([p.counts for _, p in pieces], [p.raw for _, p in pieces])
    )
    if isinstance(settings, manifest.Beats):
        if not len(first):
            raise DataError(
                f"{recording.name}: no heartbeat was found in channel "
                f"{recording.channels[settings.lead]}; set windows.kind = 'fixed'"
            )
        labels = recording.labels[first + settings.before]
    else:
        labels = _labels(recording, first, window)
    return Windows(
        counts,
        labels,
        first,
        np.concatenate([piece.interval for _, piece in pieces]),
        raw if isinstance(filter, manifest.Biquads) else counts,
    )


def _labels(recording: Recording, first: NDArray[np.int64], window: int) -> NDArray[np.int8]:
    def frames_with(label: int) -> NDArray[np.int64]:
        total = np.concatenate([[0], np.cumsum(recording.labels == label)])
        return np.asarray(total[first + window] - total[first])

    labels = np.where(frames_with(UNKNOWN) > 0, UNKNOWN, NORMAL)
    return np.where(frames_with(ABNORMAL) > 0, ABNORMAL, labels).astype(np.int8)


def divide(
    dataset: Dataset,
    windows: sections.Windows,
    split: sections.Split,
    seed: int,
    filter: sections.Filter | None = None,
) -> Parts:
    """Cut `dataset` and divide its windows as the recipe specifies.

    If the training recording has no labels at all, all its windows count as normal.

    Raises:
        RecipeError: the windows overlap but are to be shuffled.
        DataError: no window is left for training or calibration.
    """
    settings = segmenter(windows, dataset.train.rate_hz)
    biquads = NoFilter() if filter is None else filter_of(filter, dataset.train.rate_hz)
    all_windows = cut(dataset.train, settings, biquads)
    label_of_normal = UNKNOWN if (dataset.train.labels == UNKNOWN).all() else NORMAL
    normal = all_windows[all_windows.labels == label_of_normal]
    if split.order == "shuffled":
        if windows.train_hop or (np.diff(normal.first) < windows.length).any():
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
        dense_settings = manifest.Segmenter(
            kind="fixed", window=windows.length, hop=windows.train_hop
        )
        dense = cut(dataset.train.part(0, end), dense_settings, biquads)
        training = dense[dense.labels == label_of_normal]
    return Parts(
        train=training,
        validation=normal[validation],
        calibration=normal[calibration],
        abnormal=all_windows[all_windows.labels == ABNORMAL],
        test=cut(dataset.test, settings, biquads),
        stream=all_windows,
    )


def share_frames(windows: Windows, others: Windows, length: int) -> NDArray[np.bool_]:
    """Say of each window whether it has a frame in common with any of `others`, bool [n]."""
    first = np.sort(others.first)
    until = np.searchsorted(first, windows.first + length)
    return until > np.searchsorted(first, windows.first - length, side="right")


def _after(
    windows: Windows, part: NDArray[np.int64], before: NDArray[np.int64], length: int
) -> NDArray[np.int64]:
    """Select the windows of `part` that begin after the last frame of those in `before`."""
    return np.asarray(part[windows.first[part] >= windows.first[before].max() + length])
