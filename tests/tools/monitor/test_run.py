"""The whole monitor, as a process: it ends cleanly however it is ended, and a board that it was
torn from is taken up again where it stood.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from tests.support.images import emulated_image
from tests.support.requirements import toolchain_missing
from tests.support.waiting import PATIENCE
from tools.cli.options import faults_of
from tools.link.faults import FaultConfig
from tools.measure.bench.small_bundle import WINDOW, small_bundle
from tools.monitor.boards.opening import open_board
from tools.monitor.controls import Controls
from tools.monitor.events import Event, ThresholdChanged, WindowScored
from tools.monitor.run import run
from tools.monitor.settings import (
    Emulated,
    File,
    MonitorSettings,
    Port,
    RecordingOptions,
    Streamed,
)
from tools.monitor.stream import Stream
from tools.recordings.csv import samples_path
from tools.recordings.load import of_file
from training.bundle import Bundle, read_bundle
from training.bundle.errors import BoardError, DataError, LinkError

WINDOWS = 120
ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"  # the terminal's second screen


def sines(path: Path, bundle: Bundle) -> Path:
    """A CSV of windows in the bundle's units; every third is noisier and labelled so."""
    random, time_ = np.random.default_rng(5), np.arange(WINDOW) / WINDOW
    channel = bundle.manifest.signal.channels[0]
    lines = [f"# rate_hz: {bundle.manifest.signal.rate_hz}", f"{channel} [mV],label"]
    for k in range(WINDOWS):
        noise = 0.3 if k % 3 == 2 else 0.05
        wave = np.sin(2 * np.pi * (time_ + random.random())) + random.normal(0, noise, WINDOW)
        lines += [f"{value:.3f},{int(k % 3 == 2)}" for value in wave]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "sines")


@pytest.fixture(scope="module")
def csv_path(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sines(tmp_path_factory.mktemp("csv") / "sensor.csv", bundle)


# --- a board in the process: signals and terminals ----------------------------------------------

PROGRAM = """
import contextlib, sys
from pathlib import Path
from tests.support.monitor_board import FakeBoard, source
from tools.monitor import board_run, run as monitor
from tools.monitor.settings import *

board = FakeBoard()

@contextlib.contextmanager
def open_board(*arguments, **options):
    yield board

monitor.read_bundle = lambda path: None
monitor.load_source = lambda settings, bundle: source(50, True)
board_run.open_board = open_board
view, record = sys.argv[1:3]
(summary,) = monitor.run(MonitorSettings(
    Path("none"), (Port("/dev/fake"),), Streamed(speed=5.0, repeat=True), view,
    recording=RecordingOptions(Path(record)) if record else None))
print("CLOSED", board.closed, board.finished, summary.reason, summary.windows,
      file=sys.stderr, flush=True)
"""


def program(view: str, record: Path | str = "") -> list[str]:
    return [sys.executable, "-c", PROGRAM, view, str(record)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_pipe_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    record = tmp_path / "run.npz"
    with subprocess.Popen(
        program("plain", record), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.split()[:1] == ["5"]:
                break
        process.send_signal(number)
        rest = process.stdout.read()
    assert process.returncode == 0
    assert f"ended early: {number.name}" in rest
    windows = int(rest.split()[-1])
    assert rest.splitlines()[-1].startswith(f"CLOSED 1 True {number.name}")
    with np.load(record) as file:
        assert file["window"].tolist() == list(range(windows)) and windows > 5
        assert len(file["counts"]) >= windows * 20


def test_json_ends_with_its_summary(tmp_path: Path) -> None:
    with subprocess.Popen(program("json"), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line).get("index") == 3:
                break
        process.send_signal(signal.SIGINT)
        events = process.stdout.read().splitlines()
    kinds = [json.loads(line)["event"] for line in events]
    assert kinds[-2:] == ["ended", "summary"]


def test_a_reader_that_goes_away_ends_the_stream() -> None:
    with subprocess.Popen(
        program("plain"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 0
    assert errors.startswith("CLOSED 1 True the output has no reader any more")
    assert len(errors.splitlines()) == 1


@dataclass
class Screen:
    """A program on a pseudo-terminal of 80 x 24."""

    process: subprocess.Popen[bytes]
    master: int
    output: bytes = b""

    def wait_for(self, what: bytes, seconds: float = PATIENCE) -> None:
        until = time.monotonic() + seconds
        while what not in self.output:
            assert time.monotonic() < until, f"{what!r} not in {self.output[-2000:]!r}"
            self.read(0.1)

    def read(self, timeout: float) -> None:
        if select.select([self.master], [], [], timeout)[0]:
            with contextlib.suppress(OSError):
                self.output += os.read(self.master, 65536)


@contextlib.contextmanager
def on_a_terminal(command: list[str]) -> Iterator[tuple[Screen, list[Any]]]:
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    before = termios.tcgetattr(slave)
    environment = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
    )
    screen = Screen(process, master)
    try:
        yield screen, before
        until = time.monotonic() + PATIENCE
        while process.poll() is None and time.monotonic() < until:
            screen.read(0.05)
        screen.read(0.2)
        assert process.returncode == 0
        assert termios.tcgetattr(slave) == before
    finally:
        process.kill()
        process.wait()
        os.close(slave)
        os.close(master)


@pytest.mark.parametrize("how", ["q", "ctrl-c", signal.SIGINT, signal.SIGTERM])
def test_the_terminal_is_given_back(tmp_path: Path, how: str | signal.Signals) -> None:
    record = tmp_path / "run.csv"
    with on_a_terminal(program("auto", record)) as (screen, before):
        screen.wait_for(ENTER)
        screen.wait_for(b"ANOMALY")
        if isinstance(how, signal.Signals):
            screen.process.send_signal(how)
        else:
            os.write(screen.master, {"q": b"q", "ctrl-c": b"\x03"}[how])
        screen.wait_for(b"CLOSED")
    assert before
    after = screen.output[screen.output.index(LEAVE) :].decode()
    reason = how.name if isinstance(how, signal.Signals) else "by key"
    assert f"ended early: {reason}" in after
    assert f"CLOSED 1 True {reason}" in after
    assert "Traceback" not in screen.output.decode(errors="replace")
    samples = samples_path(record).read_text().splitlines()
    assert len(samples) > 100 and samples[-1].count(",") == 1


def test_a_terminal_that_vanishes_ends_the_monitor_too(tmp_path: Path) -> None:
    record = tmp_path / "run.npz"
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    # A session of its own whose terminal this is: hanging up sends it SIGHUP.
    process = subprocess.Popen(
        ["setsid", "--ctty", *program("terminal", record)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    try:
        os.close(slave)
        Screen(process, master).wait_for(b"ANOMALY")
        os.close(master)
        process.wait(PATIENCE)
    finally:
        process.kill()
    with np.load(record) as file:
        assert len(file["window"]) > 4


# --- the emulated board -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def image(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if reason := toolchain_missing():
        pytest.skip(reason)
    return emulated_image(bundle, tmp_path_factory.mktemp("image"))


@pytest.fixture
def port(image: Path) -> Iterator[str]:
    from tools.boards.emulated import EmulatedBoard

    with EmulatedBoard(image) as board:
        yield board.port


def on_port(
    bundle: Bundle,
    played: Path,
    port: str,
    view: Literal["plain", "json"] = "plain",
    recording: RecordingOptions | None = None,
) -> MonitorSettings:
    stream = Streamed(File(played))
    return MonitorSettings(bundle.path, (Port(port),), stream, view, recording=recording)


def scores(path: Path) -> dict[int, str]:
    """Of a recording: window to score, as written."""
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    by_index = {int(row[0]): row[2] for row in rows if row[2]}
    assert len(by_index) == len([row for row in rows if row[2]])  # each once
    return by_index


@pytest.fixture(scope="module")
def whole(bundle: Bundle, image: Path, csv_path: Path, tmp_path_factory: Any) -> dict[int, str]:
    """The scores of an undisturbed run."""
    record = tmp_path_factory.mktemp("whole") / "run.csv"
    out = record.with_suffix(".txt")
    with out.open("w") as file:
        (summary,) = run(
            MonitorSettings(
                bundle.path,
                (Emulated(image),),
                Streamed(File(csv_path)),
                "plain",
                recording=RecordingOptions(record),
            ),
            file,
        )
    assert summary.complete and summary.lost == 0 and summary.windows == WINDOWS
    assert summary.board is not None and summary.board.emulated
    assert summary.labelled == WINDOWS and (summary.recall or 0) > 0.5
    assert summary.mean_microseconds is not None and summary.mean_microseconds > 0
    assert "(emulated)" in out.read_text()
    return scores(record)


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
    with pytest.raises(LinkError, match="build and flash this bundle"):
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
