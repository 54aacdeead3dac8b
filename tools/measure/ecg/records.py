"""Annotated records of MIT-BIH: their beats as the signal chain finds and judges them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.bundle import Bundle, reference
from training.bundle.chain import CLIPPED, gate_of, is_judged, is_scored, make_wearer
from training.bundle.decision import decision_of
from training.bundle.errors import DataError
from training.bundle.manifest import Beats, Manifest, Wearer
from training.bundle.wearer_schema import WearerScore
from training.data import ecg
from training.data.files.heartbeats import CLASSES
from training.data.recording import Recording
from training.windows import Windows, cut

N, S, V, F = range(4)
Scores = NDArray[np.float32]
START = 300.0  # s of each record that are left out, as EC57 allows for learning
END = 1.0  # s of each record that are left out: a beat there is not yet reported


@dataclass(frozen=True, eq=False)
class Annotations:
    """The beats of a record and its stretches of ventricular flutter, both in seconds."""

    beats: NDArray[np.float64]  # float64 [k], ascending
    flutter: tuple[tuple[float, float], ...]  # stretches, which have no beats
    seconds: float  # length of the record

    def counts(self, at: NDArray[np.float64], margin: float = 0.0) -> NDArray[np.bool_]:
        """Return which times count: after START, before END, and outside flutter.

        Args:
            at: float64 [n], seconds.
            margin: seconds about flutter that do not count either.
        """
        inside = (at >= START) & (at < self.seconds - END)
        for start, stop in self.flutter:
            inside &= (at < start - margin) | (at > stop + margin)
        return inside


@dataclass(frozen=True, eq=False)
class Record:
    """The beats of one record, as the chain finds them."""

    name: str
    recording: Recording
    annotations: Annotations
    windows: Windows
    peaks: NDArray[np.int64]  # int64 [n], frame of each R
    classes: NDArray[np.int16]  # int16 [n], of each beat
    used: NDArray[np.bool_]  # bool [n], after START and annotated N, S, V or F


@dataclass(frozen=True, eq=False)
class Judged:
    """The beats of a record that count, with their scores."""

    name: str
    scores: Scores  # float32 [n]
    classes: NDArray[np.int16]  # int16 [n]
    peaks: NDArray[np.int64]  # int64 [n], frame of R
    hours: float


@dataclass(frozen=True, eq=False)
class Chain:
    """The stages of a bundle before and after the model."""

    manifest: Manifest
    segmenter: Beats
    wearer: Wearer

    def find(self, recording: Recording, annotations: Annotations) -> Record:
        """Find the beats of a recording."""
        windows = cut(recording, self.segmenter, self.manifest.filter)
        assert recording.classes is not None and recording.rate_hz is not None
        peaks = windows.first + self.segmenter.before
        classes = recording.classes[peaks]
        used = (peaks >= START * recording.rate_hz) & (classes <= F)
        return Record(recording.name, recording, annotations, windows, peaks, classes, used)

    def scores(
        self, record: Record, errors: Scores | None = None, score: WearerScore | None = None
    ) -> Scores:
        """Score the beats of a record: float32 [n], NaN where a beat is not judged.

        The bundle's own family of scores has its threshold and alarm, on which depends what the
        wearer follows.

        Args:
            errors: float32 [n], the model's error; None with the score "template".
            score: the family of scores; None for the bundle's.
        """
        own = score is None or score == self.wearer.score
        wearer = self.wearer if own else self.wearer.model_copy(update={"score": score})
        threshold = self.manifest.threshold.value if own else np.inf
        windows = record.windows
        if errors is None:
            errors = np.zeros(len(windows), np.float32)
        reasons = gate_of(self.manifest)(windows.raw)
        scored = is_scored(reasons)
        scores = np.full(len(windows), np.nan, np.float32)
        scores[scored] = make_wearer(wearer, *windows.counts.shape[1:]).judge(
            np.ascontiguousarray(windows.counts[scored]),
            windows.intervals[scored],
            errors[scored],
            threshold,
            decision_of(self.manifest) if own else None,
            clipped=reasons[scored] == CLIPPED,
        )
        scores[~is_judged(reasons, scores, threshold)] = np.nan
        return scores

    def judge(
        self, record: Record, errors: Scores | None = None, score: WearerScore | None = None
    ) -> Judged:
        """Score the beats of a record and keep those that count; arguments as for `scores`."""
        scores = self.scores(record, errors, score)
        kept = record.used & ~np.isnan(scores)
        hours = (record.annotations.seconds - START) / 3600
        return Judged(record.name, scores[kept], record.classes[kept], record.peaks[kept], hours)


def chain_of(bundle: Bundle) -> Chain:
    """Return the chain of a bundle.

    Raises:
        DataError: the bundle does not judge the beats of a wearer.
    """
    m = bundle.manifest
    if not isinstance(m.segmenter, Beats) or not isinstance(m.wearer, Wearer):
        raise DataError(
            f"{bundle.path}: evaluation needs a bundle that judges the beats of a wearer, such as "
            "that of `vigil train ecg`; `vigil report` shows the figures of any other"
        )
    return Chain(m, m.segmenter, m.wearer)


def errors_of(bundle: Bundle, record: Record) -> Scores:
    """Compute the int8 error of a bundle's own model on each beat, float32 [n]."""
    scores = reference.compute(bundle, record.windows.counts).score
    assert scores is not None
    return scores


def read_records(folder: Path, names: Sequence[str], chain: Chain) -> list[Record]:
    """Read the records that exist, and find their beats.

    Raises:
        DataError: a file is damaged.
    """
    return [
        chain.find(ecg.read_record(folder / name), read_annotations(folder / name))
        for name in names
        if (folder / f"{name}.hea").is_file()
    ]


def read_annotations(path: Path) -> Annotations:
    """Read the annotated beats of a record, in seconds.

    Raises:
        DataError: a file is damaged.
    """
    import wfdb  # imports pandas, which takes a second

    try:
        header = wfdb.rdheader(str(path))
        marks = wfdb.rdann(str(path), "atr")
    except (OSError, ValueError, IndexError) as problem:
        raise DataError(f"{path}: not a readable WFDB record: {problem}") from None
    seconds = marks.sample / header.fs
    beats = seconds[[symbol in CLASSES for symbol in marks.symbol]]
    length = header.sig_len / header.fs
    flutter: list[tuple[float, float]] = []
    for at, symbol in zip(seconds.tolist(), marks.symbol, strict=True):
        if symbol == "[":
            flutter.append((at, length))
        elif symbol == "]" and flutter:
            flutter[-1] = (flutter[-1][0], at)
    return Annotations(beats, tuple(flutter), length)
