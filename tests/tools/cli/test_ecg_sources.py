"""ECG records that cannot be used: one line that says why, before anything is built."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from tests.support.command_line import vigil
from tests.support.ecg import ecg, regular_peaks
from tools.measure.bench.small_bundle import small_bundle
from training.beats import beats_at

wfdb = pytest.importorskip("wfdb")

LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of heartbeats at 180 Hz, and records of many kinds."""
    folder = tmp_path_factory.mktemp("sources")
    small_bundle(
        folder / "build" / "hearts",
        window=144,
        segmenter=beats_at(180.0, 144, 54),
        rate_hz=180.0,
    )
    for name, leads, rate, unit in (
        ("twelve", LEADS, 360.0, "mV"),
        ("odd", ["MLII"], 100.03, "mV"),
        ("slow", ["MLII"], 8.0, "mV"),
        ("motion", ["x"], 360.0, "g"),
        ("empty", ["MLII"], 360.0, "mV"),
        ("short", ["MLII"], 360.0, "mV"),
    ):
        seconds = 0.2 if name == "short" else 20
        frames = math.ceil(seconds * rate)
        signal = ecg(regular_peaks(rate, 20), rate, frames)[:, None] / 200
        values = np.repeat(signal, len(leads), axis=1)
        if name == "empty":
            values[:] = np.nan
        wfdb.wrsamp(
            name,
            fs=rate,
            units=[unit] * len(leads),
            sig_name=leads,
            p_signal=values,
            fmt=["16"] * len(leads),
            adc_gain=[200.0] * len(leads),
            baseline=[0] * len(leads),
            write_dir=str(folder),
        )
    return folder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["twelve.hea", "--lead", "V9"], "has no lead V9; its leads are I, II, III"),
        (["odd.hea"], "100.03 frames per second cannot be resampled to 180"),
        (["slow.hea"], "8 frames per second cannot be resampled to 180"),
        (["motion.hea"], "channel x is in g, but the model was trained on mV"),
        (["empty.hea"], "holds no samples of MLII"),
        (["short.hea"], "frames are fewer than one window of"),
        (["absent.hea"], "no such file"),
    ],
)
def test_a_monitor_refuses_the_record_in_one_line(
    folder: Path, words: list[str], said: str
) -> None:
    result = vigil("monitor", "hearts", "--plain", "--source", *words, cwd=folder)
    assert result.returncode == 2
    assert said in result.stderr and len(result.stderr.strip().splitlines()) == 1
    assert not (folder / "build" / "hearts" / "firmware").exists()  # nothing was built


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("odd.hea", "cannot be resampled to 180"),
        ("motion.hea", "is in g"),
        ("empty.hea", "holds no samples"),
        ("short.hea", "fewer than one window"),
    ],
)
def test_a_calibration_refuses_the_record_in_one_line(folder: Path, record: str, said: str) -> None:
    result = vigil("calibrate", record, "hearts", cwd=folder)
    assert result.returncode == 2
    assert said in result.stderr and len(result.stderr.strip().splitlines()) == 1


def test_a_record_is_no_recording_to_replay(folder: Path) -> None:
    result = vigil("replay", "twelve.hea", "hearts", "--host", cwd=folder)
    assert result.returncode == 2
    assert "is no recording of the monitor" in result.stderr


@pytest.mark.parametrize("rate", ["33.7", "1e9", "0", "nan"])
def test_a_rate_that_cannot_be_reached_is_refused(folder: Path, rate: str) -> None:
    result = vigil("build", f"hearts@{rate}", cwd=folder)
    assert result.returncode == 2
    assert "cannot be resampled to 180" in result.stderr
