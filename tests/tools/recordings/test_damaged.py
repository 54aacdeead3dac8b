"""Damaged recordings: each is one line with the file's name, before memory or time is spent."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.monitor_board import FakeBoard, source
from tests.support.recorded import bundle, record
from tools.recordings.load import of_file
from tools.recordings.registry import read_scores
from training.bundle.errors import DataError

RANDOM = np.random.default_rng(1).bytes(5000)
SKIPS = struct.pack("<HHH", 59 << 10, 0x7FFF, 0xFFFF) * 1000  # far beyond the record's end
PIPE, DEVICE, HUGE = "a pipe", "/dev/zero", 5 << 30


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A WFDB recording of the monitor."""
    path = tmp_path_factory.mktemp("whole") / "run.hea"
    record(path, source(60), FakeBoard())
    return path


def damaged(whole: Path, folder: Path, suffix: str, content: bytes | str | int) -> Path:
    """A copy of the recording in which one file is replaced."""
    for file in whole.parent.glob("run.*"):
        shutil.copy(file, folder)
    path = folder / f"run.{suffix}"
    path.unlink(missing_ok=True)
    match content:
        case bytes():
            path.write_bytes(content)
        case int():
            with path.open("wb") as file:
                file.truncate(content)
        case "a pipe":
            os.mkfifo(path)
        case _:
            path.symlink_to(content)
    return folder / "run.hea"


def samples(path: Path) -> object:
    return of_file(path, bundle())


@pytest.mark.parametrize(
    ("read", "suffix", "content", "said"),
    [
        (samples, "hea", RANDOM, r"run\.hea: not a readable WFDB record"),
        (samples, "hea", b"", r"run\.hea: not a readable WFDB record"),
        (samples, "hea", PIPE, r"run\.hea: is a device, a pipe or a socket"),
        (samples, "hea", b"run 100000000 100 1200\nrun.dat 16\n", "claims 100000000 signals"),
        (
            samples,
            "hea",
            b"run 1 100 100000000000\nrun.dat 16\n",
            "signals of 100000000000 samples",
        ),
        (
            samples,
            "hea",
            b"run 1 100 100000000000x\nrun.dat 16\n",
            "signals of 100000000000 samples",
        ),
        (samples, "hea", b"run " + b"9" * 5000 + b" 100 9\nrun.dat 16\n", "at most 18 digits"),
        (samples, "hea", b"run 1 100 " + b"9" * 5000 + b"\nrun.dat 16\n", "at most 18 digits"),
        (samples, "hea", b"run 1 100 9\nrun.dat 16x" + b"9" * 5000 + b"\n", "at most 18 digits"),
        (samples, "hea", "run ² 100 9\nrun.dat 16\n".encode(), "lacks the number of signals"),
        (samples, "hea", b"run 1 0 1200\nrun.dat 16\n", "sample rate is 0, must be a positive"),
        (samples, "hea", b"run 1 1e999/9 1200\nrun.dat 16\n", "sample rate is 1e999/9, must be"),
        (samples, "hea", b"run 1 100 9\n../../etc/passwd 16\n", r"not a file beside it"),
        (samples, "hea", b"run 1 100 9\nrun.dat 16x1000000000\n", "a number that is too large"),
        (samples, "hea", b"run/2 1 100 9\n../x 4\n~ 5\n", r"not a file beside it"),
        (samples, "dat", PIPE, r"run\.dat: is a device, a pipe or a socket"),
        (samples, "dat", DEVICE, r"run\.dat: is a device, a pipe or a socket"),
        (samples, "dat", HUGE, r"run\.dat: has 5,120 MB"),
        (samples, "dat", b"", r"run\.hea: not a readable WFDB record"),
        (samples, "label", SKIPS, r"run\.label: not readable annotations"),
        (samples, "label", PIPE, r"run\.label: is a device, a pipe or a socket"),
        (samples, "label", DEVICE, r"run\.label: is a device, a pipe or a socket"),
        (samples, "label", HUGE, r"run\.label: has 5,120 MB"),
        (read_scores, "csv", PIPE, r"run\.csv: is a device, a pipe or a socket"),
        (read_scores, "csv", DEVICE, r"run\.csv: is a device, a pipe or a socket"),
        (read_scores, "csv", HUGE, r"run\.csv: has 5,120 MB"),
        (read_scores, "csv", RANDOM, r"run\.csv: has no scores of the monitor"),
        (read_scores, "hea", PIPE, r"run\.hea: is a device, a pipe or a socket"),
    ],
)
def test_a_damaged_recording_is_one_line(
    whole: Path,
    tmp_path: Path,
    read: Callable[[Path], object],
    suffix: str,
    content: bytes | str | int,
    said: str,
) -> None:
    path = damaged(whole, tmp_path, suffix, content)
    with pytest.raises(DataError, match=said) as problem:
        read(path)
    assert "\n" not in str(problem.value) and len(str(problem.value)) < 500
