"""Whole runs on the emulated board: with faults, killed and restarted, every score is the same."""

# ruff: noqa: F811 (fixtures)

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest

from tests.support.sines import WINDOWS, bundle, csv_path, image, port, scores, whole  # noqa: F401 (fixtures)
from tools.boards.emulated import EmulatedBoard
from tools.cli.options import faults_of
from tools.link.faults import FaultConfig
from tools.measure.bench.small_bundle import WINDOW, small_bundle
from tools.monitor.board_run import BoardRun
from tools.monitor.boards import opening
from tools.monitor.boards.opening import open_board
from tools.monitor.controls import Controls
from tools.monitor.events import Event, ThresholdChanged, WindowScored
from tools.monitor.run import run
from tools.monitor.settings import (
    Browser,
    Emulated,
    File,
    MonitorSettings,
    Port,
    RecordingOptions,
    Streamed,
)
from tools.monitor.stream import Stream
from tools.recordings.load import of_file
from training.bundle import Bundle, read_bundle
from training.bundle.errors import BoardError, DataError, LinkError


def on_port(
    bundle: Bundle,
    played: Path,
    port: str,
    view: Literal["plain", "json"] = "plain",
    recording: RecordingOptions | None = None,
) -> MonitorSettings:
    stream = Streamed(File(played))
    return MonitorSettings(bundle.path, (Port(port),), stream, view, recording=recording)


@pytest.mark.toolchain
def test_the_browser_view_says_why_an_emulated_board_is_gone(
    bundle: Bundle, image: Path, csv_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for it, as it does for a board that may be plugged in again."""
    booted: list[EmulatedBoard] = []

    class Noted(EmulatedBoard):
        def start(self) -> None:
            super().start()
            booted.append(self)

    def crash(event: Event) -> None:
        if isinstance(event, WindowScored) and event.index == 0:
            os.kill(booted[0].pid, signal.SIGKILL)

    monkeypatch.setattr(opening, "EmulatedBoard", Noted)
    file = File(csv_path)
    settings = MonitorSettings(
        bundle.path, (Emulated(image),), Streamed(file, speed=10.0), Browser()
    )
    view: Any = SimpleNamespace(handle=crash, close=lambda: None)
    source = of_file(csv_path, bundle)
    target = settings.targets[0]
    run = BoardRun(settings, bundle, target, source, Controls(), view, watch=False)
    run.run()
    assert str(run.failures[0]).startswith("the emulated board stopped (exit code -9): ")


@pytest.mark.toolchain
def test_a_line_with_faults_changes_no_score(
    bundle: Bundle, image: Path, csv_path: Path, whole: dict[int, str], tmp_path: Path
) -> None:
    record = tmp_path / "faults.csv"
    faults = FaultConfig(rate=0.05, seed=5, delay=0.01)
    settings = MonitorSettings(
        bundle.path,
        (Emulated(image, faults),),
        Streamed(File(csv_path)),
        "plain",
        recording=RecordingOptions(record),
    )
    (summary,) = run(settings, io.StringIO())
    counters = summary.counters
    assert counters.corrupt + counters.missing + counters.board_corrupt + counters.board_missing > 0
    assert summary.lost == 0
    assert scores(record) == whole


@pytest.mark.toolchain
def test_faults_at_given_moments_change_no_score(
    bundle: Bundle, image: Path, csv_path: Path, whole: dict[int, str], tmp_path: Path
) -> None:
    record, out = tmp_path / "faults.csv", io.StringIO()
    settings = MonitorSettings(
        bundle.path,
        (Emulated(image, faults_of("0.02,seed=7,kinds=drop+flip,reboot@3,unplug@5:6.5")),),
        Streamed(File(csv_path), speed=WINDOWS * WINDOW / 100 / 8),  # all of it in 8 seconds
        "json",
        recording=RecordingOptions(record),
    )
    (summary,) = run(settings, out)
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    notices = [event for event in events if event["event"] == "notice"]
    reset, gone, back = [n for n in notices if n["answers"] is not None]
    assert reset["text"].startswith("the board was reset: continuing at frame")
    assert gone["text"].startswith("waiting for the port to return: ") and not gone["answers"]
    assert back["text"].startswith("the board was reset") and back["answers"]  # it had no power
    assert summary.complete and summary.lost == 0
    assert scores(record) == whole


def test_a_fault_resets_only_an_emulated_board() -> None:
    with pytest.raises(BoardError, match=r"/dev/none: only an emulated .*leave reboot@ out, or us"):
        Port("/dev/none", faults_of("0,reboot@3"))


@pytest.mark.toolchain
def test_every_window_is_scored_and_a_replay_gives_the_same(
    bundle: Bundle, port: str, csv_path: Path, whole: dict[int, str], tmp_path: Path
) -> None:
    assert list(whole) == list(range(WINDOWS))
    first, second = tmp_path / "first.npz", tmp_path / "second.csv"
    with (tmp_path / "out").open("w") as out:
        for played, record in ((csv_path, first), (first, second)):
            run(on_port(bundle, played, port, "json", RecordingOptions(record)), out)
    assert scores(second) == whole


@pytest.mark.toolchain
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_monitor_that_is_killed_and_restarted_goes_on(
    bundle: Bundle,
    port: str,
    csv_path: Path,
    whole: dict[int, str],
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    code = (
        "from pathlib import Path; from tools.monitor.run import run; import sys\n"
        "from tools.monitor.settings import *\n"
        "run(MonitorSettings(Path(sys.argv[1]), (Port(sys.argv[3]),),"
        " Streamed(File(Path(sys.argv[2])), float(sys.argv[4])), 'plain',"
        " recording=RecordingOptions(Path(sys.argv[5]))))"
    )
    rate = bundle.manifest.signal.rate_hz or 1.0
    speed = 25 * WINDOW / rate  # 25 windows a second
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    command = [sys.executable, "-c", code, str(bundle.path), str(csv_path), port, str(speed)]
    with subprocess.Popen([*command, str(first)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.split()[:1] == ["30"]:
                break
        process.send_signal(number)
    with (tmp_path / "out").open("w") as out:
        (summary,) = run(on_port(bundle, csv_path, port, "plain", RecordingOptions(second)), out)
    assert summary.complete and summary.lost == 0
    before, after = scores(first), scores(second)
    if number == signal.SIGINT:  # after GOODBYE, the next run begins anew
        assert after == whole
        return
    assert "# resuming at frame" in (tmp_path / "out").read_text()
    # A report may have come and not been acknowledged when the monitor was killed: then the
    # board gives it again. None is missing, and none differs.
    assert 0 < min(after) <= max(before) + 1
    assert {**before, **after} == whole
    assert all(before[k] == after[k] for k in before.keys() & after.keys())


@pytest.mark.toolchain
def test_watched_windows_come_with_what_the_model_made_of_them(
    bundle: Bundle, port: str, csv_path: Path, whole: dict[int, str]
) -> None:
    source = of_file(csv_path, bundle)
    events: list[Event] = []
    with open_board(bundle, source, Port(port), watch=True) as board:
        assert board.set_threshold(1e-6) == float(np.float32(1e-6))
        Stream(board, source, Controls(), events.append, windows=12).run()
    scored = [event for event in events if isinstance(event, WindowScored)]
    assert [np.float32(e.score) for e in scored] == [np.float32(whole[k]) for k in range(12)]
    assert all(e.flag and e.threshold == float(np.float32(1e-6)) for e in scored)
    for event in scored:
        assert event.reconstruction is not None
        counts = source.take(event.first_frame, WINDOW)
        error = (event.reconstruction - counts) / bundle.manifest.signal.gain[0]
        # A unit is 1 in the model's own terms, so the curve on the screen must give the score.
        assert np.mean(error**2) == pytest.approx(event.score, rel=0.2, abs=1e-3)
    assert not [e for e in events if isinstance(e, ThresholdChanged)]


@pytest.mark.toolchain
def test_a_board_with_another_model_is_refused(port: str, csv_path: Path, tmp_path: Path) -> None:
    other = small_bundle(tmp_path / "other", per_window=True)
    with pytest.raises(LinkError, match=r"not .*: start `vigil board"):
        run(on_port(other, csv_path, port))


def test_what_cannot_be_is_said_before_a_board_is_looked_for(
    bundle: Bundle, csv_path: Path, tmp_path: Path
) -> None:
    assert read_bundle(bundle.path).manifest.name
    with pytest.raises(DataError, match="speed is 0"):
        Streamed(File(csv_path), speed=0.0)
    with pytest.raises(DataError, match=r"gone\.csv: no such file"):
        run(on_port(bundle, tmp_path / "gone.csv", "/dev/none"))
    with pytest.raises(LinkError, match="/dev/none"):
        run(on_port(bundle, csv_path, "/dev/none"))
