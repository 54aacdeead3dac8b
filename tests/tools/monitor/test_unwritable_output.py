"""Output that cannot be written: one line for each, what fitted is kept, nothing is left behind."""

from __future__ import annotations

import csv
import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.monitor_board import FakeBoard, source
from tests.support.waiting import PATIENCE
from tools.monitor.controls import Controls
from tools.monitor.recorder import Recorder
from tools.monitor.stream import Stream
from tools.recordings import wfdb
from training.bundle.errors import DataError
from training.bundle.manifest import Signal

pytestmark = pytest.mark.slow

ROOM = 36_864  # bytes a file may have: a disk that is full after that. An archive just fits
PROGRAM = """
import contextlib, sys
from pathlib import Path
from tests.support.monitor_board import FakeBoard, source
from tools.monitor import board_run, run as monitor
from tools.monitor.settings import *
from tools.monitor.wall_clock import WallClock
from training.bundle.errors import LinkError, VigilError

WallClock.__init__.__defaults__ = (lambda: 1.7e9,)  # the size of an archive depends on its times
view, record, how = sys.argv[1:]
board = FakeBoard()
if how == "never begins":
    def restart():
        raise LinkError("/dev/fake: it has no sensor")
    board.restart = restart

@contextlib.contextmanager
def open_board(*arguments, **options):
    yield board

monitor.read_bundle = lambda path: None
monitor.load_source = lambda settings, bundle: source(1000)
board_run.open_board = open_board

class Broken:
    def handle(self, event):
        pass
    def close(self):
        raise ValueError("it does not close")

if how == "broken view":
    open_sinks = board_run.open_sinks
    board_run.open_sinks = lambda *arguments: [Broken(), *open_sinks(*arguments)]
try:
    monitor.run(MonitorSettings(
        Path("none"), (Port("/dev/fake"),), view=view,
        recording=RecordingOptions(Path(record)) if record else None))
except VigilError as problem:
    print(f"vigil: {problem}", file=sys.stderr)
    sys.exit(2)
"""


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


def ended(
    view: str, record: Path | str = "", how: str = "", **options: object
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        [sys.executable, "-c", PROGRAM, view, str(record), how],
        **{"stdout": subprocess.DEVNULL, **options},
        stderr=subprocess.PIPE,
        text=True,
        timeout=PATIENCE,
    )


def monitor(
    view: str, record: Path | str = "", how: str = "", **options: object
) -> tuple[int, list[str]]:
    """Exit code and the lines on standard error."""
    done = ended(view, record, how, **options)
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("view", ["plain", "json"])
def test_standard_output_that_is_full(view: str) -> None:
    with Path("/dev/full").open("w") as full:
        code, said = monitor(view, stdout=full)
    assert (code, said) == (
        2,
        ["vigil: standard output: cannot be written: No space left on device"],
    )


def test_standard_output_that_cannot_say_it() -> None:
    code, said = monitor("plain", env={**os.environ, "PYTHONIOENCODING": "latin-1"})
    assert code == 2
    (line,) = said
    assert line.startswith("vigil: standard output: its encoding, latin-1, has no ")
    assert line.endswith("; set PYTHONIOENCODING=utf-8")


@pytest.mark.parametrize("name", ["run.csv", "run.npz", "run.hea"])
def test_a_disk_that_is_full(tmp_path: Path, name: str) -> None:
    done = ended("json", tmp_path / name, preexec_fn=limit, stdout=subprocess.PIPE)
    problem = f"{tmp_path / name}: cannot be written: File too large"
    assert (done.returncode, done.stderr.splitlines()) == (2, [f"vigil: {problem}"])
    events = [json.loads(line) for line in done.stdout.splitlines()]
    # The recording ends, and the stream goes on.
    assert [e["event"] for e in events].count("scored") == 1000
    said = [(e["on"], e["reason"]) for e in events if e["event"] == "recording"]
    assert said[0] == (True, "") and said[1:] in ([(False, problem)], [])
    kept = {path.name: path for path in tmp_path.iterdir()}
    assert not [name for name in kept if name.startswith(".")]  # nothing half made
    if name == "run.npz":
        with np.load(kept[name]) as file:  # what fitted
            frames = len(file["counts"])
            assert 2 * frames == ROOM
            assert len(file["label"]) == len(file["missing"]) == frames
    else:
        rows = list(csv.DictReader(kept["run.csv"].open()))
        assert [int(row["window"]) for row in rows[:10]] == list(range(10))
    if name == "run.hea":
        header = kept[name].read_text().splitlines()[0].split()
        assert 0 < 2 * int(header[3]) == kept["run.dat"].stat().st_size <= ROOM


def test_a_view_that_does_not_close_keeps_no_other_from_it(tmp_path: Path) -> None:
    record = tmp_path / "run.npz"
    code, said = monitor("plain", record, "broken view")
    assert code == 1 and said[-1] == "ValueError: it does not close"  # a defect: with a traceback
    with np.load(record) as file:
        assert len(file["window"]) == 1000


def test_a_stream_that_never_began_is_not_summed_up(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("w") as file:
        code, said = monitor("plain", how="never begins", stdout=file)
    assert (code, said) == (2, ["vigil: /dev/fake: it has no sensor"])
    assert out.read_text() == ""


def test_a_record_on_a_full_disk_makes_room_for_its_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where not a byte is left: the header finds none until the signal gives some up."""
    path, what = tmp_path / "run.hea", source(1000)
    view, write_header = Recorder(path, what.frame_labels), wfdb._write_header
    Stream(FakeBoard(), what, Controls(), view.handle).run()
    size = path.with_suffix(".dat").stat().st_size

    def full(*arguments: Any) -> None:
        if path.with_suffix(".dat").stat().st_size > size - 1000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_header(*arguments)

    monkeypatch.setattr(wfdb, "_write_header", full)
    with pytest.raises(DataError, match="No space left"):
        view.close()
    names = ("channels", "units", "gain", "offset")
    facts = {name: list(getattr(what.facts, name)) for name in names}
    signal = Signal(**facts, rate_hz=what.facts.rate_hz, rate_is_nominal=False)
    read, _ = wfdb.read(path, signal)
    assert len(read.counts) > 3000
    assert np.array_equal(read.counts, what.counts[: len(read.counts)])
    assert np.array_equal(read.labels, what.labels[: len(read.counts)])
