"""Where samples come from: a data set's test recording, a CSV file, or an earlier recording.

Whatever the source, its counts mean what the bundle's do: the manifest's gain and offset are
applied to a file's physical values, so a user's CSV needs no conversion by hand.
"""

from __future__ import annotations

import itertools
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tools.monitor.events import Counts, SourceFacts
from tools.monitor.fit import check_rate, check_units
from tools.monitor.record import MISSING, SIMULATED
from training.bundle.errors import DataError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.data import load as load_data_set
from training.data.files.counts import Range, to_int16
from training.data.files.options import Options
from training.data.files.table import read_table, with_gaps
from training.data.recording import Recording

if TYPE_CHECKING:
    from training.bundle import Bundle
    from training.bundle.manifest import Signal


@dataclass(frozen=True, eq=False)
class Source:
    """Counts int16 [frames, channels] with labels int8 [frames], by absolute frame index.

    With `repeat`, frame n is frame n modulo the length, for ever.
    """

    facts: SourceFacts
    counts: Counts
    labels: NDArray[np.int8]
    identity: str  # the same for the same samples: by it a stream is known again
    repeat: bool = False
    missing: NDArray[np.bool_] | None = None  # [frames]: no sample was taken; None: at none

    @property
    def frames(self) -> int | None:
        """Where the stream ends; None if it does not."""
        return None if self.repeat else len(self.counts)

    def take(self, first: int, count: int) -> Counts:
        """Up to `count` frames from absolute frame `first`; fewer or none at the end, or where
        some are missing.
        """
        places = self._places(first, count)
        counts = self.counts[places]
        if self.missing is None:
            return counts
        gone = self.missing[places]
        return counts[: int(gone.argmax())] if gone.any() else counts

    def gap(self, first: int) -> int:
        """How many frames from absolute frame `first` on are missing."""
        if self.missing is None or not self.missing[self._places(first, 1)].all():
            return 0
        rest = self.missing[first % len(self.missing) :] if self.repeat else self.missing[first:]
        return len(rest) if rest.all() else int(rest.argmin())

    def frame_labels(self, first: int, count: int) -> NDArray[np.int8]:
        """Labels of the frames that `take` gives."""
        return self.labels[self._places(first, count)]

    def label(self, first: int, count: int) -> int:
        """Of frames first to first + count - 1: 1 if any is abnormal, 0 if all are normal, else -1.

        The rule by which training labels its windows.
        """
        labels = self.frame_labels(first, count)
        if self.missing is not None and self.missing[self._places(first, count)].any():
            return UNKNOWN
        if (labels == ABNORMAL).any():
            return ABNORMAL
        return NORMAL if len(labels) == count and (labels == NORMAL).all() else UNKNOWN

    def _places(self, first: int, count: int) -> NDArray[np.int64] | slice:
        stop = first + count
        if self.repeat and stop > len(self.counts):
            return np.arange(first, stop) % len(self.counts)
        return slice(first, stop)


class Sensor(Source):
    """What the board samples itself: nobody knows it before, nor how long it is."""

    @property
    def frames(self) -> int | None:
        """It does not end."""
        return None

    def take(self, first: int, count: int) -> Counts:
        """Nothing can be had of it."""
        return np.empty((0, len(self.facts.channels)), np.int16)

    def gap(self, first: int) -> int:
        """The board says what is missing."""
        return 0

    def frame_labels(self, first: int, count: int) -> NDArray[np.int8]:
        """Not known."""
        return np.full(count, UNKNOWN, np.int8)

    def label(self, first: int, count: int) -> int:
        """Not known."""
        return UNKNOWN


def of_sensor(bundle: Bundle, name: str = "sensor") -> Sensor:
    """The board's own sensor, in the bundle's counts and units."""
    signal = bundle.manifest.signal
    facts = SourceFacts(
        name=name,
        description=f"{name}: {', '.join(signal.channels)}, sampled by the board",
        simulated=False,
        frames=0,
        labelled=False,
        channels=tuple(signal.channels),
        units=tuple(signal.units),
        gain=tuple(signal.gain),
        offset=tuple(signal.offset),
        rate_hz=signal.rate_hz,
    )
    counts = np.empty((0, len(signal.channels)), np.int16)
    return Sensor(facts, counts, np.empty(0, np.int8), f"sensor {name}")


def of_recording(
    recording: Recording, repeat: bool = False, missing: NDArray[np.bool_] | None = None
) -> Source:
    """A recording as a source; DataError if it is empty. `missing`: bool [frames]."""
    if recording.frames == 0:
        raise DataError(f"{recording.name}: holds no frames, so there is nothing to stream")
    facts = SourceFacts(
        name=recording.name,
        description=recording.description,
        simulated=recording.simulated,
        frames=recording.frames,
        labelled=bool((recording.labels != UNKNOWN).any()),
        channels=recording.channels,
        units=recording.units,
        gain=recording.gain,
        offset=recording.offset,
        rate_hz=recording.rate_hz,
    )
    counts = np.ascontiguousarray(recording.counts)
    if missing is not None and not missing.any():
        missing = None
    return Source(facts, counts, recording.labels, recording.sha256, repeat, missing)


def of_bundle(bundle: Bundle, repeat: bool = False) -> Source:
    """The test recording of the data set that the bundle was trained on."""
    settings = dict(bundle.manifest.recipe["data"])
    name = str(settings.pop("name"))
    dataset = load_data_set(name, **settings)
    return of_recording(_checked(dataset.test, bundle), repeat)


def of_file(path: Path, bundle: Bundle, repeat: bool = False) -> Source:
    """A CSV file in physical units, a WFDB record (.hea), or a .npz that the monitor recorded.

    Raises DataError: not readable, or not what the model takes (channels, units, rate, length).
    """
    signal = bundle.manifest.signal
    if path.suffix == ".npz":
        recording, missing = _read_npz(path, signal)
        return of_recording(_checked(recording, bundle), repeat, missing)
    if path.suffix == ".hea":
        recording, missing = _read_hea(path, signal)
        return of_recording(_checked(recording, bundle), repeat, missing)
    table = read_table(path, Options(), label_optional=True, prefer=signal.channels)
    _check_channels(path.name, table.channels, bundle)
    check_units(path.name, table.channels, table.units, signal)
    values, labels, missing = with_gaps(table, _missing(path, len(table.values)))
    ranges = [Range(g, o) for g, o in zip(signal.gain, signal.offset, strict=True)]
    counts, _ = to_int16(values, ranges)
    recording = Recording(
        name=path.name,
        description=f"{path.name}: {', '.join(table.channels)}",
        counts=counts,
        labels=labels,
        channels=table.channels,
        units=tuple(signal.units),
        gain=tuple(signal.gain),
        offset=tuple(signal.offset),
        rate_hz=table.rate_hz if table.rate_hz is not None else signal.rate_hz,
        rate_is_nominal=signal.rate_is_nominal,
        simulated=_says_simulated(path),
    )
    return of_recording(_checked(recording, bundle), repeat, missing)


def _says_simulated(path: Path) -> bool:
    """Whether a comment above the header says so, as recordings of simulated signals do."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        comments = itertools.takewhile(lambda line: line.startswith("#"), file)
        return any(line.strip() == SIMULATED for line in comments)


def _missing(path: Path, frames: int) -> NDArray[np.bool_]:
    """Which rows stand for samples that were not taken, as a recording's comments say."""
    gone = np.zeros(frames, np.bool_)
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for line in file:
            if line.startswith(MISSING):
                try:
                    first, count = (int(word) for word in line[len(MISSING) :].split())
                except ValueError:
                    raise DataError(
                        f"{path}: '{line.strip()}' should name the first missing row and how many"
                    ) from None
                gone[max(first, 0) : max(first, 0) + max(count, 0)] = True
    return gone


def _read_hea(path: Path, signal: Signal) -> tuple[Recording, NDArray[np.bool_] | None]:
    from tools.monitor import wfdb_record

    return wfdb_record.read_wfdb(
        path,
        wfdb_record.Signal(
            channels=tuple(signal.channels),
            units=tuple(signal.units),
            gain=tuple(signal.gain),
            offset=tuple(signal.offset),
            rate_hz=signal.rate_hz,
            rate_is_nominal=signal.rate_is_nominal,
        ),
    )


def _read_npz(path: Path, signal: Signal) -> tuple[Recording, NDArray[np.bool_] | None]:
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("counts", "label", "rate_hz", "simulated")}
            missing = file["missing"].astype(np.bool_) if "missing" in file else None
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as problem:
        raise DataError(f"{path}: is no recording of the monitor ({problem})") from None
    rate = float(arrays["rate_hz"])
    if missing is not None and missing.shape != arrays["counts"].shape[:1]:
        raise DataError(f"{path}: is no recording of the monitor ('missing' has another length)")
    try:
        recording = Recording(
            name=path.name,
            description=f"{path.name}: a recording of the monitor",
            counts=arrays["counts"],
            labels=arrays["label"],
            channels=tuple(signal.channels),
            units=tuple(signal.units),
            gain=tuple(signal.gain),
            offset=tuple(signal.offset),
            rate_hz=rate if rate > 0 else None,
            rate_is_nominal=signal.rate_is_nominal,
            simulated=bool(arrays["simulated"]),
        )
    except (TypeError, ValueError) as problem:
        raise DataError(f"{path}: is no recording of this sensor: {problem}") from None
    return recording, missing


def _check_channels(name: str, channels: tuple[str, ...], bundle: Bundle) -> None:
    trained = bundle.manifest.signal.channels
    if len(channels) != len(trained):
        raise DataError(
            f"{name}: {len(channels)} channels ({', '.join(channels)}), but "
            f"{bundle.manifest.name} was trained on {len(trained)} ({', '.join(trained)})"
        )


def _checked(recording: Recording, bundle: Bundle) -> Recording:
    _check_channels(recording.name, recording.channels, bundle)
    check_rate(recording.name, recording.rate_hz, bundle.manifest.signal)
    window = bundle.manifest.segmenter.window
    if recording.frames < window:
        raise DataError(
            f"{recording.name}: {recording.frames} frames are fewer than one window of {window}"
        )
    return recording
