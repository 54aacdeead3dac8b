"""A board's own calibration in the monitor: command, progress, and source of the threshold."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tests.support.link_line import Line
from tests.support.link_native import BoardConfig
from tools.link.faults import FaultConfig
from tools.measure.bench.small_bundle import small_bundle
from tools.monitor.board import Board
from tools.monitor.boards.in_process import InProcessBoard
from tools.monitor.boards.link_board import LinkBoard
from tools.monitor.controls import (
    Calibrate,
    Controls,
    ForgetCalibration,
    SetThreshold,
    StopCalibration,
)
from tools.monitor.events import CalibrationStatus, Event, Notice, ThresholdChanged, WindowScored
from tools.monitor.stream import Stream
from tools.monitor.views import JsonView, PlainView
from tools.recordings.source import Source, of_recording
from training.bundle import Bundle
from training.data.recording import Recording
from training.native import Calibration


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("build") / "waves")


def source_of(bundle: Bundle) -> Source:
    """The bundle's 160 test windows end to end."""
    signal, counts = bundle.manifest.signal, bundle.evaluation()["counts"].reshape(-1, 1)
    return of_recording(
        Recording(
            name="waves",
            description="waves",
            counts=counts,
            labels=np.full(len(counts), -1, np.int8),
            channels=tuple(signal.channels),
            units=tuple(signal.units),
            gain=tuple(signal.gain),
            offset=tuple(signal.offset),
            rate_hz=signal.rate_hz,
            simulated=True,
        )
    )


def run(board: Board, source: Source, *commands: object, at: dict[int, object] | None = None):
    """The events of a stream; `at`: commands by the window that is scored before them."""
    controls, events = Controls(), []
    for command in commands:
        controls.ask(command)  # type: ignore[arg-type]

    def emit(event: Event) -> None:
        events.append(event)
        if at and isinstance(event, WindowScored) and event.index in at:
            controls.ask(at[event.index])  # type: ignore[arg-type]

    Stream(board, source, controls, emit).run()
    return events


def of(kind: type, events: list[Event]) -> list:
    return [event for event in events if isinstance(event, kind)]


def consistent(events: list[Event]) -> None:
    """Every window was flagged by the threshold that the event names."""
    for event in of(WindowScored, events):
        assert event.flag == (np.float32(event.score) > np.float32(event.threshold))


def twin(events: list[Event], first: int, windows: int, rate: float, tolerated: float) -> float:
    scores = [event.score for event in of(WindowScored, events)]
    calibration = Calibration(windows, round(1e6 * rate), round(1e6 * tolerated))
    calibration.push(np.array(scores[first : first + windows], np.float32))
    return calibration.threshold


def test_in_process_the_next_windows_choose_the_threshold(bundle):
    events = run(InProcessBoard(bundle), source_of(bundle), Calibrate(60, 0.05, 0.02))
    began, *progress, ended = of(CalibrationStatus, events)
    assert (began.state, began.source) == ("none", "bundle")
    assert [status.taken for status in progress] == [0, 6, 12, 18, 24, 30, 36, 42, 48, 54]
    assert (ended.state, ended.source, ended.windows) == ("not_kept", "calibration", 60)
    assert ended.threshold == twin(events, 0, 60, 0.05, 0.02)
    (changed,) = of(ThresholdChanged, events)
    assert changed.value == ended.threshold
    windows = of(WindowScored, events)
    assert {w.threshold for w in windows[:60]} == {began.threshold}
    assert {w.threshold for w in windows[60:]} == {ended.threshold}
    consistent(events)


def test_stopping_and_forgetting(bundle):
    source = source_of(bundle)
    stopped = run(InProcessBoard(bundle), source, Calibrate(10, 0.05), at={5: StopCalibration()})
    assert of(CalibrationStatus, stopped)[-1].state in ("none", "not_kept")
    board = InProcessBoard(bundle)
    run(board, source, SetThreshold(0.5))
    assert board.calibration.source == "host"
    events = run(board, source, ForgetCalibration())
    assert board.calibration.source == "bundle"
    assert board.facts.threshold == board.facts.trained_threshold
    assert of(ThresholdChanged, events)


def test_what_a_board_refuses_is_a_notice(bundle):
    for command in (Calibrate(5000, 0.05), Calibrate(10, 1.5)):
        notices = of(Notice, run(InProcessBoard(bundle), source_of(bundle), command))
        assert notices[0].text.startswith("not calibrated: ")


def test_a_refused_calibration_does_not_end_the_one_that_runs(bundle):
    refused = {5: Calibrate(5000, 0.05)}
    events = run(InProcessBoard(bundle), source_of(bundle), Calibrate(20, 0.05), at=refused)
    ended = of(CalibrationStatus, events)[-1]
    assert (ended.state, ended.windows) == ("not_kept", 20)


@pytest.mark.parametrize("rate", [0.0, 0.1])
def test_over_a_link_each_window_has_the_threshold_that_judged_it(bundle, rate):
    """Also over a line that loses the board's only message about the end."""
    segmenter = bundle.manifest.segmenter
    line = Line(
        BoardConfig(window=segmenter.window, hop=segmenter.hop),
        FaultConfig(rate, 1),
        FaultConfig(rate, 2),
    )
    source = source_of(bundle)
    with line.session() as session:
        model: Any = SimpleNamespace(manifest=bundle.manifest, hash8=session.board.model_hash)
        board = LinkBoard(session, model, source, watch=False)
        events = run(board, source, at={20: Calibrate(40, 0.1, 0.0)})
    ended = board.calibration
    assert ended is not None and (ended.state, ended.source) == ("kept", "calibration")
    windows = of(WindowScored, events)
    first = next(n for n, w in enumerate(windows) if w.threshold == ended.threshold)
    assert ended.threshold == twin(events, first - 40, 40, 0.1, 0.0)
    assert {w.threshold for w in windows[first:]} == {ended.threshold}
    assert [change.value for change in of(ThresholdChanged, events)] == [ended.threshold]
    consistent(events)


def test_the_lines_say_the_source_the_progress_and_the_result(bundle):
    events = run(InProcessBoard(bundle), source_of(bundle), Calibrate(60, 0.05, 0.02))
    out = io.StringIO()
    view = PlainView(out)
    for event in events:
        view.handle(event)
    lines = [line for line in out.getvalue().splitlines() if line.startswith("#")]
    assert any(line.endswith(": bundle") for line in lines)
    assert "# calibrating: 30 of 60 windows" in lines
    assert any("board's calibration, 60 windows, 5 %" in line for line in lines)
    assert "# the board's calibration ends with a reset: it cannot be kept" in lines
    assert len(lines) == len(set(lines))


def test_the_json_has_every_figure(bundle):
    out = io.StringIO()
    status = CalibrationStatus("kept", "calibration", 0.25, 200, 200, 3, 0.02, 0.01)
    JsonView(out).handle(status)
    values = json.loads(out.getvalue())
    del values["ts"]
    assert values == {
        "event": "calibration",
        "state": "kept",
        "source": "calibration",
        "threshold": 0.25,
        "windows": 200,
        "taken": 200,
        "set_aside": 3,
        "rate": 0.02,
        "tolerated": 0.01,
    }
