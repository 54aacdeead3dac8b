"""Train the default design on every data set at hand, over seeds, beside the simple detectors.

    python -m benchmarks.detection [--seeds 5] [--sets machine taxi] [--write]

Each set is read as a stranger's file: `vigil inspect` chooses its settings and its design, with no
look at the test part. The sets are found in VIGIL_DATA; one that is missing is left out. `--write`
writes docs/detection.md. Takes about 20 minutes on two idle cores; the fits take most of it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from benchmarks.detection_page import Row, page, table
from tools.checkout import ROOT
from training import data
from training.bundle.errors import VigilError
from training.data import csv
from training.data.recording import Recording
from training.recipe import make_recipe
from training.suggest import Suggestion, find_settings, suggest
from training.train import train

PAGE = ROOT / "docs" / "detection.md"
FAULTS = ("122_0", "174_0", "161_0")  # ball, inner race, outer race
FAULT_SAMPLES = 60_000  # of each


@dataclass(frozen=True)
class Case:
    """One data set: its name on the page, and the function that finds its settings."""

    name: str
    about: str
    settings: Callable[[Path, Path], csv.Settings]  # from VIGIL_DATA and a scratch folder


def _file(name: str, test_share: float | None = None) -> Callable[[Path, Path], csv.Settings]:
    def settings(source: Path, _: Path) -> csv.Settings:
        found, _tables = find_settings([str(source / name)])
        return found if test_share is None else found.model_copy(update={"test_share": test_share})

    return settings


def _bearing(equal_rms: bool) -> Callable[[Path, Path], csv.Settings]:
    """Train on 70 % of the healthy recording; test on the rest and on three faults."""

    def settings(source: Path, scratch: Path) -> csv.Settings:
        healthy = _drive_end(source / "cwru" / "97_Normal_0.mat")
        border = round(0.7 * len(healthy))
        train_path = _write(scratch / "healthy.csv", healthy[:border], 0)
        tests = [_write(scratch / "rest.csv", healthy[border:], 0)]
        for fault in FAULTS:
            samples = _drive_end(source / "cwru" / f"{fault}.mat")[:FAULT_SAMPLES]
            if equal_rms:
                samples = samples * healthy.std() / samples.std()
            tests.append(_write(scratch / f"{fault}.csv", samples, 1))
        found, _tables = find_settings([train_path])
        return found.model_copy(update={"test_path": tests, "label": "label"})

    return settings


def _drive_end(path: Path) -> np.ndarray:
    contents = loadmat(path)
    name = next(name for name in contents if name.endswith("DE_time"))
    return np.asarray(contents[name], np.float64).ravel()


def _write(path: Path, samples: np.ndarray, label: int) -> str:
    rows = np.column_stack([samples, np.full(len(samples), label)])
    header = "# rate_hz: 48000\nacceleration [g],label"
    np.savetxt(path, rows, ["%.6f", "%d"], ",", header=header, comments="")
    return str(path)


def _activity(_: Path, scratch: Path) -> csv.Settings:
    dataset = data.load("activity")
    paths = [_write_recording(scratch / f"{r.name}.csv", r) for r in (dataset.train, dataset.test)]
    found, _tables = find_settings(paths[:1])
    return found.model_copy(update={"test_path": paths[1:], "label": "label"})


def _write_recording(path: Path, recording: Recording) -> str:
    rows = np.column_stack([recording.physical(), recording.labels])
    header = f"# rate_hz: {recording.rate_hz}\n{','.join(recording.channels)},label"
    formats = ["%.5f"] * len(recording.channels) + ["%d"]
    np.savetxt(path, rows, formats, ",", header=header, comments="")
    return str(path)


CASES = (
    Case("bearing", "CWRU, drive end at 48 kHz, three faults as recorded", _bearing(False)),
    Case("bearing, equal RMS", "the same, each fault as loud as the healthy one", _bearing(True)),
    Case(
        "machine",
        "NAB, temperature of a machine, first half for training",
        _file("nab/machine_temperature_system_failure.csv", 0.5),
    ),
    Case(
        "CPU",
        "NAB, utilization of a group of servers, first half",
        _file("nab/cpu_utilization_asg_misconfiguration.csv", 0.5),
    ),
    Case(
        "EC2",
        "NAB, latency of requests, first half",
        _file("nab/ec2_request_latency_system_failure.csv", 0.5),
    ),
    Case("taxi", "NAB, taxi rides of New York, first half", _file("nab/nyc_taxi.csv", 0.5)),
    Case("valve 1", "SKAB, 8 channels of a pump, first 40 %", _file("skab/valve1_0.csv", 0.6)),
    Case("valve 2", "SKAB, the same pump, first 40 %", _file("skab/valve2_0.csv", 0.6)),
    Case("activity", "simulated accelerometer of a wrist, with falls", _activity),
    Case("ECG5000", "heartbeats of one patient", _file("ecg5000/ECG5000_TRAIN.txt")),
)


def measure(case: Case, source: Path, seeds: int) -> tuple[Row, Suggestion]:
    """Train one data set over the seeds 1 to `seeds`."""
    with tempfile.TemporaryDirectory() as scratch:
        settings = case.settings(source, Path(scratch))
        suggestion = suggest("detection", settings, csv.load(settings))
        manifests = []
        for seed in range(1, seeds + 1):
            values = tomllib.loads(suggestion.text)
            values |= {"seed": seed, "checks": {"challenge": 0}}
            bundle = train(make_recipe(values), Path(scratch) / "bundle", progress=False)
            manifests.append(bundle.manifest)
    return Row(case.name, case.about, tuple(manifests)), suggestion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--sets", nargs="*", choices=[case.name for case in CASES])
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    arguments = parser.parse_args()
    source = Path(os.environ.get("VIGIL_DATA", "."))
    rows, reasons = [], {}
    for case in CASES:
        if arguments.sets and case.name not in arguments.sets:
            continue
        try:
            row, suggestion = measure(case, source, arguments.seeds)
        except (VigilError, OSError) as problem:
            print(f"{case.name}: left out: {problem}", flush=True)
            continue
        rows.append(row)
        reasons[case.name] = suggestion.reasons
        print(table([row]).splitlines()[-1], flush=True)
    print(table(rows))
    if arguments.write:
        PAGE.write_text(page(rows, reasons, arguments.seeds), encoding="utf-8")


if __name__ == "__main__":
    main()
