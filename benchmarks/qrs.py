"""The QRS detector on MIT-BIH's records, by the rules of AAMI EC57.

Run `python -m benchmarks.qrs` with VIGIL_DATA set; 30 records take about a minute. A detected beat
matches an annotation within 150 ms. The first five minutes of each record and ventricular flutter
are left out, as EC57 requires, and so are the paced records. The detector was tuned on DS1 alone.

`--steps 6` adds electrode steps at that signal-to-noise ratio in decibels: one step in two seconds,
of random size, that decays with a time constant of one second.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.beats import beats_at
from training.bundle.segment import make_segmenter
from training.data.download import data_folder
from training.data.mitdb import DS1, DS2
from training.resampling import resampled

RATE = 180.0
BEATS = frozenset("NLRBAaJSVrFejnE/fQ?")
MATCH = 0.15  # seconds
START = 300  # seconds
CLOSE = 0.01  # seconds: a fiducial this close to the annotation


@dataclass(frozen=True)
class Result:
    """Counts of one record."""

    found: int
    missed: int
    false: int
    close: float  # share of the found beats whose R is within CLOSE
    seconds: float  # to detect

    @property
    def sensitivity(self) -> float:
        """Share of the beats that were found."""
        return self.found / max(1, self.found + self.missed)

    @property
    def predictivity(self) -> float:
        """Share of the detections that are beats."""
        return self.found / max(1, self.found + self.false)


def read(path: Path) -> tuple[NDArray[np.int16], float, NDArray[np.float64], list[list[float]]]:
    """Read lead MLII, or the first; its rate; the beats and the flutter, in seconds."""
    import wfdb  # imports pandas, which takes a second

    header = wfdb.rdheader(str(path))
    lead = header.sig_name.index("MLII") if "MLII" in header.sig_name else 0
    record = wfdb.rdrecord(str(path), channels=[lead], physical=False)
    marks = wfdb.rdann(str(path), "atr")
    seconds = marks.sample / record.fs
    beats = seconds[[symbol in BEATS for symbol in marks.symbol]]
    flutter: list[list[float]] = []
    for at, symbol in zip(seconds, marks.symbol, strict=True):
        if symbol == "[":
            flutter.append([at, np.inf])
        elif symbol == "]" and flutter:
            flutter[-1][1] = at
    return record.d_signal.astype(np.int16), record.fs, beats, flutter


def match(
    beats: NDArray[np.float64], found: NDArray[np.float64]
) -> tuple[list[int], list[int], list[float]]:
    """Pair beats with detections in order, the nearest of neighbours; also the errors."""
    pairs: tuple[list[int], list[int], list[float]] = ([], [], [])
    i = j = 0
    while i < len(beats) and j < len(found):
        off = found[j] - beats[i]
        if abs(off) > MATCH:
            i, j = (i, j + 1) if off < 0 else (i + 1, j)
        elif j + 1 < len(found) and abs(found[j + 1] - beats[i]) < abs(off):
            j += 1
        elif i + 1 < len(beats) and abs(found[j] - beats[i + 1]) < abs(off):
            i += 1
        else:
            pairs[0].append(i)
            pairs[1].append(j)
            pairs[2].append(float(off))
            i, j = i + 1, j + 1
    return pairs


def evaluate(path: Path, snr_db: float | None) -> Result:
    """Detect the beats of one record and compare them with its annotations."""
    counts, rate, beats, flutter = read(path)
    if snr_db is not None:
        counts = with_steps(counts, rate, snr_db)
    settings = beats_at(RATE, 144, 54)
    began = time.perf_counter()
    frames = resampled(counts, rate, RATE)
    tail = np.repeat(frames[-1:], settings.span, axis=0)  # so that the last beats are reported
    segments = make_segmenter(settings, 1).push(0, np.concatenate([frames, tail]))
    took = time.perf_counter() - began
    found = (segments.first + settings.before) / RATE
    beats = beats[beats >= START]
    for start, stop in flutter:
        beats = beats[(beats < start) | (beats > stop)]
    _, used, errors = match(beats, found)
    extra = np.delete(found, used)
    extra = extra[extra >= START]
    for start, stop in flutter:
        extra = extra[(extra < start - MATCH) | (extra > stop + MATCH)]
    close = float(np.mean(np.abs(errors) <= CLOSE)) if errors else 0.0
    return Result(len(used), len(beats) - len(used), len(extra), close, took)


def with_steps(counts: NDArray[np.int16], rate: float, snr_db: float) -> NDArray[np.int16]:
    """Add electrode steps; the signal's power is that of a sine of the QRS's height."""
    rng = np.random.default_rng(1)
    steps = np.where(rng.random(len(counts)) < 1 / (2 * rate), rng.standard_normal(len(counts)), 0)
    from scipy.signal import lfilter  # takes half a second

    noise = lfilter([1.0], [1.0, -np.exp(-1 / rate)], steps)
    blocks = counts[: len(counts) // int(rate) * int(rate), 0].reshape(-1, int(rate))
    height = np.median(np.ptp(blocks, axis=1).astype(float))
    noise *= np.sqrt(height**2 / 8 / 10 ** (snr_db / 10) / np.mean(noise**2))
    noisy = counts[:, 0] + noise
    limited: NDArray[np.int16] = np.clip(np.rint(noisy), -32768, 32767).astype(np.int16)
    return limited[:, None]


def main() -> None:
    """Print a line per record, and the sums."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--steps", type=float, metavar="DB")
    options = parser.parse_args()
    folder = data_folder()
    if folder is None:
        raise SystemExit("set VIGIL_DATA to a folder that holds mitdb/")
    for name, records in (("DS1", DS1.split()), ("DS2", DS2.split())):
        present = [r for r in records if (folder / "mitdb" / f"{r}.hea").is_file()]
        results = [evaluate(folder / "mitdb" / r, options.steps) for r in present]
        print("record      Se %    PPV %  missed  false  R within 10 ms  seconds")
        for record, each in zip(present, results, strict=True):
            print(row(record, each))
        found, missed, false = (
            sum(getattr(each, field) for each in results) for field in ("found", "missed", "false")
        )
        exact = sum(each.close >= 0.95 for each in results)
        print(row(name, Result(found, missed, false, exact / len(results), 0.0)))
        print(f"{name}: 95 % of R within 10 ms in {exact} of {len(results)} records\n")


def row(name: str, result: Result) -> str:
    """Format one line."""
    return (
        f"{name:6} {100 * result.sensitivity:9.2f}{100 * result.predictivity:9.2f}"
        f"{result.missed:8}{result.false:7}{100 * result.close:16.1f}{result.seconds:9.2f}"
    )


if __name__ == "__main__":
    main()
