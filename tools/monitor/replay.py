"""A recording played back: through a board or on this machine, and the same scores, bit for bit.

A recording names the model that scored it, so that it can be told from another one, or from one
that goes wrong.
"""

from __future__ import annotations

import csv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.monitor.events import Event, Started, WindowScored
from tools.monitor.record import MODEL, model_of, samples_path
from training.bundle.errors import DataError


@dataclass(frozen=True, eq=False)
class Recorded:
    """A recording's samples, and its scores: float32 [n] of windows int64 [n], counted from the
    recording's first; and the model that gave them, its hash first.
    """

    samples: Path
    windows: NDArray[np.int64]
    scores: NDArray[np.float32]
    model: str = ""  # not known

    def __post_init__(self) -> None:
        if not len(self.scores):
            raise DataError(f"{self.samples}: no window was scored, so there is nothing to compare")


def read_recorded(path: Path) -> Recorded:
    """Of the .csv, .npz or .hea that was given to --record. Raises DataError."""
    if path.suffix == ".npz":
        try:
            with np.load(path, allow_pickle=False) as file:
                windows, scores, lost = file["window"], file["score"], file["lost"]
                model = str(file["model"]) if "model" in file else ""
        except FileNotFoundError:
            raise DataError(f"{path}: no such file") from None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as problem:
            raise DataError(f"{path}: is no recording of the monitor ({problem})") from None
        return Recorded(path, *_from_first(windows, lost, scores), model)
    if path.suffix == ".hea":
        return Recorded(path, *_read_rows(path.with_suffix(".csv")), _read_model(path))
    if path.suffix == ".csv":
        samples = samples_path(path)
        if not samples.is_file():
            raise DataError(f"{path}: there is no {samples.name} beside it, so no samples to play")
        return Recorded(samples, *_read_rows(path), _read_model(samples))
    raise DataError(f"{path}: a recording is a .csv, a .npz or a .hea (WFDB) file")


def _read_rows(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    windows: list[int] = []
    lost: list[int] = []
    scores: list[float] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["score"]:
                    windows.append(int(row["window"]))
                    scores.append(float(row["score"]))
                elif row["note"].startswith("lost"):
                    lost.append(int(row["window"]))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as problem:
        raise DataError(f"{path}: holds no scores of the monitor ({problem})") from None
    return _from_first(np.array(windows), np.array(lost), np.array(scores, np.float32))


def _read_model(path: Path) -> str:
    """From a comment of a CSV file or of a WFDB header."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            told = (line[len(MODEL) :].strip() for line in file if line.startswith(MODEL))
            return next(told, "")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError(f"{path}: is no recording of the monitor ({problem})") from None


def _from_first(
    windows: NDArray[np.int64], lost: NDArray[np.int64], scores: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    every = np.concatenate([windows, lost]).astype(np.int64)
    first = int(every.min()) if len(every) else 0
    return windows.astype(np.int64) - first, scores.astype(np.float32)


class Comparison:
    """A view that holds each score against the recorded one."""

    def __init__(self, recorded: Recorded) -> None:
        scores = recorded.scores.tolist()
        self._expected = dict(zip(recorded.windows.tolist(), scores, strict=True))
        self._recorded_with, self._model = recorded.model, ""
        self.equal = 0
        self.differ: list[tuple[int, float, float]] = []  # window, recorded, now

    def handle(self, event: Event) -> None:
        """Compare the bits."""
        if isinstance(event, Started):
            self._model = model_of(event)
        if not isinstance(event, WindowScored) or event.index not in self._expected:
            return
        before, now = np.float32(self._expected.pop(event.index)), np.float32(event.score)
        if before.tobytes() == now.tobytes():
            self.equal += 1
        else:
            self.differ.append((event.index, float(before), float(now)))

    def close(self) -> None:
        """Nothing is held."""

    @property
    def missing(self) -> int:
        """Recorded windows that have not been scored again."""
        return len(self._expected)

    @property
    def same(self) -> bool:
        """Whether every recorded score came again."""
        return not self.differ and not self.missing

    def lines(self, noun: str) -> list[str]:
        """What was found, for people; the first line stands by itself."""
        total = self.equal + len(self.differ) + self.missing
        if self.same:
            return [f"{self.equal} of {total} {noun}s scored as recorded, bit for bit"]
        told = [
            (index, f"{noun} {index}: recorded {before!r}, now {now!r}")
            for index, before, now in self.differ
        ]
        told += [
            (index, f"{noun} {index}: recorded {before!r}, not scored now")
            for index, before in self._expected.items()
        ]
        told.sort()
        other = ""
        if self._recorded_with and self._recorded_with != self._model:
            other = f"recorded with another model, {self._recorded_with}, not {self._model}: "
        failed = f"{other}{total - self.equal} of {total} {noun}s did not score as recorded; first"
        return [f"{failed} {told[0][1]}", *(text for _, text in told[1:5])]
