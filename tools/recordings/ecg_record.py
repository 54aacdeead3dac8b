"""ECG records in PhysioNet's format as sources: leads by name, missing samples, beat labels.

The package `wfdb` reads all storage formats. It marks the missing samples of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.recordings.compatibility import check_channels, check_units
from training.bundle.errors import DataError
from training.bundle.labels import UNKNOWN
from training.bundle.manifest import Signal
from training.data.files.heartbeats import label_frames
from training.data.files.wfdb_files import check_annotations, check_record
from training.data.recording import Recording, to_counts

PREFERRED = ("MLII", "II", "ECG")  # of several leads, for a model of one
BEATS = "atr"  # the annotator whose beats give the labels


def read_ecg(
    path: Path, signal: Signal, leads: Sequence[str] = ()
) -> tuple[Recording, NDArray[np.bool_] | None]:
    """Return a record at its own rate in the counts of `signal`, and which frames are missing.

    Args:
        leads: names of the leads, one per channel of the model; empty: those that the model names,
            or for a model of one lead MLII, II or the first.

    Raises:
        DataError: the record cannot be read, lacks a lead, or has other units.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    check_record(path)
    import wfdb  # imports pandas, which takes a second

    name = str(path.with_suffix(""))
    try:
        names = list(wfdb.rdheader(name, rd_segments=True).sig_name or [])
        chosen = _choose(path, names, signal, leads)
        record = wfdb.rdrecord(name, channels=chosen)
        values, rate = np.asarray(record.p_signal, np.float64), float(record.fs)
    except DataError:
        raise
    except Exception as problem:  # the package raises many kinds
        raise DataError(f"{path}: not a readable WFDB record ({problem})") from None
    wanted = [names[i] for i in chosen]
    check_channels(path.name, wanted, signal)
    check_units(path.name, wanted, list(record.units or []), signal)
    missing = np.asarray(np.isnan(values).any(axis=1), np.bool_)
    if missing.all():
        raise DataError(f"{path}: holds no samples of {', '.join(wanted)}")
    recording = Recording(
        name=path.name,
        description=f"{path.name}: {', '.join(wanted)}",
        counts=to_counts(_held(values, missing), signal.gain, signal.offset, name=str(path)),
        labels=_labels(path, len(values), rate),
        channels=tuple(signal.channels),
        units=tuple(signal.units),
        gain=tuple(signal.gain),
        offset=tuple(signal.offset),
        rate_hz=rate,
    )
    return recording, missing if missing.any() else None


def _choose(path: Path, names: list[str], signal: Signal, leads: Sequence[str]) -> list[int]:
    """Return the indices of the leads to read."""
    wanted = list(leads)
    if not wanted and all(channel in names for channel in signal.channels):
        wanted = signal.channels
    if not wanted and len(signal.channels) == 1:
        wanted = [next((lead for lead in PREFERRED if lead in names), names[0])]
    if not wanted:
        return list(range(len(names)))
    for lead in wanted:
        if lead not in names:
            raise DataError(f"{path}: has no lead {lead}; its leads are {', '.join(names)}")
    return [names.index(lead) for lead in wanted]


def _held(values: NDArray[np.float64], missing: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Repeat the last frame in place of missing ones, and the first before it."""
    last = np.maximum.accumulate(np.where(missing, -1, np.arange(len(values))))
    return values[np.where(last < 0, int(np.argmin(missing)), last)]


def _labels(path: Path, frames: int, rate: float) -> NDArray[np.int8]:
    """Return the labels of the annotated beats, int8 [frames]; all unknown without annotations."""
    if not check_annotations(path.with_suffix(f".{BEATS}")):
        return np.full(frames, UNKNOWN, np.int8)
    import wfdb  # imports pandas, which takes a second

    try:
        marks = wfdb.rdann(str(path.with_suffix("")), BEATS)
        return label_frames(frames, rate, marks.sample, marks.symbol)
    except Exception as problem:  # the package raises many kinds
        raise DataError(
            f"{path.with_suffix('.' + BEATS)}: not readable annotations ({problem})"
        ) from None
