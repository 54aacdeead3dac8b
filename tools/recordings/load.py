"""Sources for a bundle: the test recording of its data set, or a file.

The manifest's gain and offset convert a file's physical values, so that every source has the
counts that the model was trained on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.recordings import csv, npz, wfdb
from tools.recordings.compatibility import check_channels, check_rate
from tools.recordings.ecg_record import read_ecg
from tools.recordings.registry import FORMATS
from tools.recordings.source import Source, of_recording, with_gaps
from training.bundle import Bundle
from training.bundle.errors import DataError
from training.bundle.manifest import Beats
from training.bundle.regular_file import check_regular
from training.bundle.validation import validate
from training.data import load as load_data_set
from training.data.files.options import Options
from training.data.files.text import LARGEST
from training.data.recording import Recording
from training.resampling import resampled


def check_data_set(bundle: Bundle, cure: str = "name a recording with --source") -> None:
    """Check that the bundle names a data set, and that the file of a `csv` one is at its path.

    Args:
        cure: what the user can do instead, for the message.

    Raises DataError.
    """
    data = bundle.manifest.recipe.get("data", {})
    name, path = str(data.get("name", "")), data.get("path")
    if not name:
        raise DataError(f"the bundle names no data set; {cure}")
    if name == "csv" and isinstance(path, str) and not Path(path).exists():
        raise DataError(
            f"{path}: is not in the current folder, and the bundle keeps no other path of its "
            f"data; {cure}"
        )


def of_bundle(bundle: Bundle, repeat: bool = False) -> Source:
    """Return the test recording of the data set that the bundle was trained on."""
    check_data_set(bundle)
    settings = dict(bundle.manifest.recipe["data"])
    dataset = load_data_set(settings.pop("name"), **settings)
    _check(dataset.test, bundle)
    recording, missing = with_gaps(dataset.test, *_placed(bundle))
    return of_recording(recording, repeat, missing)


def trained_on(path: Path, bundle: Bundle) -> bool:
    """Return whether a file is among those that a bundle's recipe trains on."""
    given = bundle.manifest.recipe.get("data", {}).get("path", [])
    paths = given if isinstance(given, list) else [given]
    return any(Path(str(each)).resolve() == path.resolve() for each in paths)


def of_file(path: Path, bundle: Bundle, repeat: bool = False, leads: Sequence[str] = ()) -> Source:
    """Return a recording, a WFDB record, or a file of samples in physical units (any other suffix).

    For a model of windows about heartbeats, another sample rate is converted to the model's.

    Args:
        leads: the channels of an ECG record to read, by name; empty: the model's.

    Raises:
        DataError: the file is not readable, or its channels, units, rate or length do not fit.
    """
    beats = isinstance(bundle.manifest.segmenter, Beats)
    if leads and not beats:
        raise DataError("--lead is for models of continuous ECG (windows.kind = 'beats')")
    check_regular(path, LARGEST, DataError)
    known, m = FORMATS.get(path.suffix, csv.FORMAT), bundle.manifest
    if known is npz.FORMAT and not npz.is_own(path):
        known = csv.FORMAT  # a user's arrays, as a file of samples
    foreign = known is wfdb.FORMAT and not wfdb.is_own(path)
    if foreign and beats:
        recording, missing = read_ecg(path, m.signal, leads)
    elif foreign and _is_cut(m.recipe.get("data", {})):
        raise DataError(
            f"{path}: a continuous signal, but {m.name} was trained on heartbeats cut one by one "
            "at R: train a model of continuous ECG (vigil train ecg), which finds its own beats"
        )
    elif known is csv.FORMAT:
        data = m.recipe.get("data", {})
        options = _options(data, f"bundle '{m.name}': recipe.data")
        if leads:
            options = options.model_copy(update={"channels": list(leads)})
        window, hop = _placed(bundle)
        recording, missing = csv.read_as(path, m.signal, options, window, hop, _is_cut(data))
    else:
        recording, missing = known.read(path, m.signal)
    if beats:
        recording, missing = _at_rate(recording, missing, m.signal.rate_hz)
    _check(recording, bundle)
    return of_recording(recording, repeat, missing)


def _is_cut(data: dict[str, Any]) -> bool:
    """Whether a data set holds single heartbeats, laid end to end."""
    return data.get("name") in ("ecg5000", "mitdb")


def _at_rate(
    recording: Recording, missing: NDArray[np.bool_] | None, rate_hz: float | None
) -> tuple[Recording, NDArray[np.bool_] | None]:
    """Convert a recording to `rate_hz`; labels are those of the nearest frame.

    A frame is missing if the nearest one is, or one that lies between it and the next.
    """
    given = recording.rate_hz
    if given is None or rate_hz is None or given == rate_hz:
        return recording, missing
    counts = resampled(recording.counts, given, rate_hz, recording.name)
    nearest = np.rint(np.arange(len(counts)) * (given / rate_hz)).astype(np.int64)
    nearest = np.minimum(nearest, recording.frames - 1)
    converted = replace(
        recording,
        description=f"{recording.description}; {given:g} Hz converted to {rate_hz:g} Hz",
        counts=counts,
        labels=recording.labels[nearest],
        classes=None if recording.classes is None else recording.classes[nearest],
        rate_hz=rate_hz,
    )
    if missing is None:
        return converted, None
    gone = missing[nearest]
    gone[(np.flatnonzero(missing) * (rate_hz / given)).astype(np.int64)] = True
    return converted, gone


def _placed(bundle: Bundle) -> tuple[int, int]:
    """Window and hop by which gaps are made; beats lie where they are, so that one frame does."""
    m = bundle.manifest
    return (1, 1) if isinstance(m.segmenter, Beats) else (m.grid.window, m.grid.hop)


def _options(data: dict[str, Any], where: str) -> Options:
    """How the files were read that the model was trained on: the same holds for another one."""
    if data.get("name") != "csv":
        return Options()
    given = {key: data[key] for key in Options.model_fields if key in data and key != "channels"}
    if isinstance(given.get("intervals"), str) and not Path(given["intervals"]).is_file():
        given["intervals"] = None  # the manifest keeps the file's name only
    return validate(Options, given, where, DataError)


def _check(recording: Recording, bundle: Bundle) -> None:
    check_channels(recording.name, recording.channels, bundle.manifest.signal)
    check_rate(recording.name, recording.rate_hz, bundle.manifest.signal)
    window = bundle.manifest.grid.span
    if recording.frames < window:
        raise DataError(
            f"{recording.name}: {recording.frames} frames are fewer than one window of {window}"
        )
