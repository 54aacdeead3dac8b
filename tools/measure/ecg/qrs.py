"""QRS detection by the rules of AAMI EC57, for this detector and those of other packages."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.measure.ecg.records import Annotations, Record
from training.data.files.heartbeats import MATCH_SECONDS
from training.data.mitdb import LEAD

CLOSE = 0.010  # s: R this close to the annotation
Seconds = NDArray[np.float64]


@dataclass(frozen=True)
class Detected:
    """Counts of one record, or sums over records."""

    found: int
    missed: int
    false: int
    close: int  # found beats whose R is within CLOSE

    @property
    def sensitivity(self) -> float:
        """Share of the beats that were found."""
        return self.found / max(1, self.found + self.missed)

    @property
    def predictivity(self) -> float:
        """Share of the detections that are beats."""
        return self.found / max(1, self.found + self.false)

    @property
    def close_share(self) -> float:
        """Share of the found beats whose R is within CLOSE of the annotation."""
        return self.close / max(1, self.found)


def total(results: Iterable[Detected]) -> Detected:
    """Add the counts of several records."""
    some = list(results)
    names = ("found", "missed", "false", "close")
    return Detected(*(sum(getattr(each, name) for each in some) for name in names))


def compare(annotations: Annotations, at: Seconds) -> Detected:
    """Compare detections, ascending seconds, with the annotated beats of a record.

    A detection within 150 ms of a beat finds it; each finds at most one beat.
    """
    beats = annotations.beats[annotations.counts(annotations.beats)]
    used, errors = _pairs(beats, at)
    extra = np.delete(at, used)
    false = int(annotations.counts(extra, MATCH_SECONDS).sum())
    close = int((np.abs(errors) <= CLOSE).sum())
    return Detected(len(used), len(beats) - len(used), false, close)


def _pairs(beats: Seconds, at: Seconds) -> tuple[list[int], Seconds]:
    """Pair beats with detections in order, the nearest of neighbours; also their differences."""
    used: list[int] = []
    errors: list[float] = []
    i = j = 0
    while i < len(beats) and j < len(at):
        off = at[j] - beats[i]
        if abs(off) > MATCH_SECONDS:
            i, j = (i, j + 1) if off < 0 else (i + 1, j)
        elif j + 1 < len(at) and abs(at[j + 1] - beats[i]) < abs(off):
            j += 1
        elif i + 1 < len(beats) and abs(at[j] - beats[i + 1]) < abs(off):
            i += 1
        else:
            used.append(j)
            errors.append(float(off))
            i, j = i + 1, j + 1
    return used, np.array(errors)


def of_record(record: Record) -> Detected:
    """Count the beats that the chain finds in a record."""
    return compare(record.annotations, record.peaks / (record.recording.rate_hz or 1.0))


Detector = Callable[[Seconds, float], NDArray[np.int64]]
"""A detector of another package: millivolts float64 [n] and their rate to the frames of R."""


def _xqrs(signal: Seconds, rate: float) -> NDArray[np.int64]:
    from wfdb import processing  # here and below: loads pandas and more, for seconds

    return np.asarray(processing.xqrs_detect(signal, rate, verbose=False), np.int64)


def _neurokit(signal: Seconds, rate: float) -> NDArray[np.int64]:
    import neurokit2

    cleaned = neurokit2.ecg_clean(signal, int(rate))
    return np.asarray(neurokit2.ecg_peaks(cleaned, int(rate))[1]["ECG_R_Peaks"], np.int64)


def _sleepecg(signal: Seconds, rate: float) -> NDArray[np.int64]:
    import sleepecg

    return np.asarray(sleepecg.detect_heartbeats(signal, rate), np.int64)


def others() -> Mapping[str, Detector]:
    """Return the detectors of the packages that are installed."""
    known = {
        "XQRS": ("wfdb", _xqrs),
        "NeuroKit2": ("neurokit2", _neurokit),
        "SleepECG": ("sleepecg", _sleepecg),
    }
    return {
        name: detector
        for name, (package, detector) in known.items()
        if importlib.util.find_spec(package) is not None
    }


def by_others(path: Path, annotations: Annotations) -> dict[str, Detected]:
    """Run the detectors of other packages on the record's full rate, on the lead of the chain."""
    import wfdb

    leads = wfdb.rdheader(str(path)).sig_name
    record = wfdb.rdrecord(str(path), channels=[leads.index(LEAD) if LEAD in leads else 0])
    signal = np.asarray(record.p_signal[:, 0], np.float64)
    results = {}
    for name, detector in others().items():
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")  # of packages behind the detectors
            frames = detector(signal, record.fs)
        results[name] = compare(annotations, np.sort(frames) / record.fs)
    return results
