"""Alarms and drift: in every view, and the same on the emulated board as on the host."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.support.images import emulated_image
from tests.support.monitor_board import FakeBoard, source
from tests.support.waiting import wait_until
from tools.measure.bench.small_bundle import small_bundle
from tools.monitor.alarm_command import MOST_RUNNING, AlarmCommand
from tools.monitor.boards.in_process import InProcessBoard
from tools.monitor.boards.opening import open_board
from tools.monitor.controls import Calibrate, Controls, SetAlarm, alarm_levels
from tools.monitor.events import (
    AlarmAcknowledged,
    AlarmChanged,
    AlarmSet,
    DriftChanged,
    Event,
    LinkCounters,
    Notice,
    Severity,
    Started,
    WindowScored,
)
from tools.monitor.history import History
from tools.monitor.recorder import Recorder
from tools.monitor.settings import Emulated
from tools.monitor.stream import Board, Stream
from tools.monitor.summary import Tally
from tools.monitor.terminal.panels import header
from tools.monitor.text import summary_lines
from tools.monitor.views import JsonView, PlainView
from tools.monitor.web.hub import Hub
from tools.recordings.source import Source, of_recording
from training.bundle import Bundle
from training.bundle.manifest import AlarmLevels, Decision, Drift
from training.data.recording import Recording

ALARM = AlarmLevels(kind="count", windows=3, raise_level=2, clear_level=1)
WINDOWS = 200


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Bundle:
    """A small bundle with an alarm of 2 in 3 windows and a drift over 32 windows."""
    whole = small_bundle(tmp_path_factory.mktemp("alarm") / "waves")
    drift = Drift(block=2, limit=12, share=0.4, correlation=1, guarantee="")
    decision = Decision(kind="alarm", alarm=ALARM, drift=drift)
    manifest = whole.manifest.model_copy(update={"decision": decision})
    text = manifest.model_dump_json(by_alias=True, indent=1)
    (whole.path / "manifest.json").write_text(text)
    from training.bundle import read_bundle

    return read_bundle(whole.path)


def noisy(bundle: Bundle) -> Source:
    """Sine waves; the second fifth and the fourth are noisy, and a stretch is missing."""
    size = bundle.manifest.segmenter.window
    rng = np.random.default_rng(3)
    time = np.arange(WINDOWS * size)
    counts = 1000 * np.sin(2 * np.pi * time / size) + rng.normal(0, 30, len(time))
    fifth = len(counts) // 5
    for start in (fifth, 3 * fifth):
        counts[start : start + fifth] += rng.normal(0, 150, fifth)
    missing = np.zeros(len(counts), bool)
    missing[int(1.5 * fifth) : int(1.5 * fifth) + 10] = True
    m = bundle.manifest
    recording = Recording(
        name="noisy",
        description="noise that comes and goes",
        counts=np.rint(counts).astype(np.int16)[:, None],
        labels=np.full(len(counts), -1, np.int8),
        channels=tuple(m.signal.channels),
        units=tuple(m.signal.units),
        gain=tuple(m.signal.gain),
        offset=tuple(m.signal.offset),
        rate_hz=m.signal.rate_hz,
    )
    return replace(of_recording(recording), missing=missing)


def streamed(board, source: Source, *views, controls: Controls | None = None) -> list[Event]:
    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        for view in views:
            view.handle(event)

    Stream(board, source, controls or Controls(), emit).run()
    return events


def states(events: list[Event]) -> list[tuple]:
    return [
        (e.index, e.score, e.p, e.flag, e.alarm, e.drifted)
        for e in events
        if isinstance(e, WindowScored)
    ]


def changes(events: list[Event]) -> list[Event]:
    return [e for e in events if isinstance(e, AlarmChanged | DriftChanged)]


def test_events_say_when_the_alarm_is_raised_and_cleared(bundle):
    events = streamed(InProcessBoard(bundle), noisy(bundle))
    alarms = [e for e in events if isinstance(e, AlarmChanged)]
    assert [e.on for e in alarms] == [True, False] * (len(alarms) // 2) and alarms
    on = {s[0]: s[4] for s in states(events)}
    before = False
    for index, state in on.items():
        changed = [e.on for e in alarms if e.index == index]
        assert changed == ([state] if state != before else []), index
        before = state
    assert {e.recalibrate for e in events if isinstance(e, DriftChanged)} == {True, False}


def test_p_values_are_those_of_the_calibration_scores(bundle):
    scores = np.array(bundle.manifest.threshold.calibration_scores, np.float32)
    for _, score, p, *_ in states(streamed(InProcessBoard(bundle), noisy(bundle))):
        expected = np.float32(1 + (scores >= np.float32(score)).sum()) / np.float32(41)
        assert p == expected


def test_every_view_shows_them(bundle, tmp_path):
    plain, lines = io.StringIO(), io.StringIO()
    history, tally, hub = History(), Tally(), Hub()
    recorder = Recorder(tmp_path / "run.csv", lambda first, count: np.full(count, -1, np.int8))
    card = hub.view("one", Controls())
    shown: list[str] = []

    class Watching:
        def handle(self, event: Event) -> None:
            if isinstance(event, AlarmChanged | DriftChanged):
                with history.frozen():
                    shown.append(header(history, 80, 2)[0].plain)

    views = [PlainView(plain), JsonView(lines), history, tally, recorder, card, Watching()]
    events = streamed(InProcessBoard(bundle), noisy(bundle), *views)
    recorder.close()
    raised = next(e for e in events if isinstance(e, AlarmChanged))
    assert f"# alarm raised by window {raised.index}" in plain.getvalue()
    assert "ANOMALY ALARM" in plain.getvalue() and "# recalibrate:" in plain.getvalue()
    kinds = [json.loads(line) for line in lines.getvalue().splitlines()]
    first = next(k for k in kinds if k["event"] == "alarm")
    assert (first["index"], first["first_frame"], first["on"]) == (
        raised.index,
        raised.first_frame,
        True,
    )
    assert {k["recalibrate"] for k in kinds if k["event"] == "drift"} == {True, False}
    assert "▲ ALARM" in shown[0] and any("RECALIBRATE" in line for line in shown)
    summary = tally.summary()
    assert summary.alarms == sum(e.on for e in events if isinstance(e, AlarmChanged))
    assert any(line.startswith("alarm raised") for line in summary_lines(summary))
    recorded = "".join(p.read_text() for p in tmp_path.glob("run*.csv"))
    assert "alarm raised" in recorded and "recalibrate" in recorded
    news, _ = hub.news_and_past()
    assert news[0]["totals"]["alarms"] == summary.alarms


def test_an_alarm_stays_in_view_until_it_is_acknowledged(bundle):
    history, card = History(), Hub().view("one", Controls())
    state: list[str] = []

    def show(event: Event) -> None:
        for view in (history, card):
            view.handle(event)
        shown, board = header(history, 100, 2)[0].plain, history.board
        state.append(" ".join(shown.partition(board.model_hash)[2].split()))

    away, back = (Notice("the board", answers=answers) for answers in (False, True))
    events = streamed(InProcessBoard(bundle), noisy(bundle))
    started, raised, cleared = [e for e in events if isinstance(e, Started | AlarmChanged)][:3]
    for event in (started, away, back, raised, away, back, cleared, AlarmAcknowledged()):
        show(event)
    was_live = ["● live", "○ away", "● live"]
    with_alarm = ["▲ ALARM", "▲ ALARM ○ away", "▲ ALARM", "▲ alarm was on"]
    assert state == [*was_live, *with_alarm, "● live"]
    _, past = card.news_and_past()
    told = [e["event"] for e in past["events"] if "alarm" in e["event"]]
    assert told == ["alarm", "alarm", "alarm_acknowledged"]  # for a browser that connects later


def test_a_program_runs_when_the_alarm_changes(bundle, tmp_path):
    out, said = tmp_path / "out", []
    script = f'echo "$VIGIL_ALARM $VIGIL_WINDOW $VIGIL_MODEL" > "{out}.$VIGIL_WINDOW"'
    program = AlarmCommand(["sh", "-c", script], said.append)
    events = streamed(InProcessBoard(bundle), noisy(bundle), program)
    changed = [e for e in events if isinstance(e, AlarmChanged)][:8]
    for event in changed:
        file = tmp_path / f"out.{event.index}"
        wait_until(lambda file=file: file.is_file() and file.read_text().endswith("\n"))
        state = "raised" if event.on else "cleared"
        assert file.read_text() == f"{state} {event.index} {bundle.manifest.name}\n"
    assert len(changed) >= 2


@pytest.mark.parametrize(
    ("words", "notice"),
    [
        (["sh", "-c", "exit 3"], "sh ended with code 3"),
        (["/no/such/program"], "/no/such/program does not start: No such file or directory"),
    ],
)
def test_a_program_that_fails_is_said(words, notice):
    said: list[Event] = []
    program = AlarmCommand(words, said.append)
    program.handle(Started(FakeBoard().facts, source(1).facts, 0))
    program.handle(AlarmChanged(3, 300, True))
    wait_until(lambda: program.handle(LinkCounters()) or said)
    assert said == [Notice(notice, severity=Severity.WARNING)]


def test_programs_that_do_not_end_are_limited():
    said: list[Event] = []
    program = AlarmCommand(["sleep", "600"], said.append)
    program.handle(Started(FakeBoard().facts, source(1).facts, 0))
    for index in range(MOST_RUNNING + 1):
        program.handle(AlarmChanged(index, 0, True))
    assert said == [Notice("sleep not started: 8 of it still run", severity=Severity.WARNING)]
    for process in program._running:
        process.kill()
        process.wait()


def test_a_reset_clears_the_alarm_in_the_views(bundle):
    history = History()
    board = InProcessBoard(bundle)
    stream = Stream(board, noisy(bundle), Controls(), history.handle)
    stream._alarm = True
    stream._alarm_is(False, 0, 0)
    assert not history.alarm and history.notice == "alarm cleared by window 0"


def test_another_alarm_is_set_while_streaming(bundle):
    controls = Controls()
    controls.ask(SetAlarm(AlarmLevels(kind="mean", windows=1, raise_level=1000, clear_level=0)))
    events = streamed(InProcessBoard(bundle), noisy(bundle), controls=controls)
    assert not any(s[4] for s in states(events)), "no mean reaches a thousand thresholds"
    confirmed = [e.levels for e in events if isinstance(e, AlarmSet)]
    assert confirmed == ["mean of 1 scores 1e+03 x the threshold (cleared below 0 x)"]


def test_a_model_without_an_alarm_refuses_one(tmp_path):
    plain = small_bundle(tmp_path / "plain")
    controls = Controls()
    controls.ask(SetAlarm(ALARM))
    events = streamed(InProcessBoard(plain), noisy(plain), controls=controls)
    assert any("alarm not set" in e.text for e in events if isinstance(e, Notice))
    assert not changes(events)
    assert {s[2] for s in states(events)} == {None}


@pytest.mark.toolchain
def test_the_emulated_board_decides_as_the_host(bundle, tmp_path):
    host = streamed(InProcessBoard(bundle), noisy(bundle))
    with open_board(bundle, noisy(bundle), Emulated(emulated_image(bundle, tmp_path))) as board:
        assert board.facts.alarm == "2 of 3 windows flagged (cleared below 1)"
        emulated = streamed(board, noisy(bundle))
    assert states(emulated) == states(host)
    assert changes(emulated) == changes(host)


def test_a_boards_own_calibration_gives_p_values_of_its_own(bundle):
    """Exact among the scores that it was calibrated with, whatever the bundle's scores are."""
    controls = Controls()
    controls.ask(Calibrate(windows=40, rate=0.05, tolerated=0))
    seen = states(streamed(InProcessBoard(bundle), noisy(bundle), controls=controls))
    own = np.array([score for _, score, *_ in seen[:40]], np.float32)
    for _, score, p, *_ in seen[40:]:
        at_least = int((own >= np.float32(score)).sum())
        assert p == np.float32(1 + at_least) / np.float32(41)


@pytest.mark.toolchain
def test_p_values_of_the_boards_calibration_are_the_hosts_and_outlive_its_power(bundle, tmp_path):
    def run(board: Board, *commands: Calibrate) -> list[tuple[Any, ...]]:
        controls = Controls()
        for command in commands:
            controls.ask(command)
        return states(streamed(board, noisy(bundle), controls=controls))

    plan = Calibrate(windows=100, rate=0.05, tolerated=0.02)
    host = InProcessBoard(bundle)
    first, again = run(host, plan), run(host)
    settings = Emulated(emulated_image(bundle, tmp_path), flash=tmp_path / "flash")
    with open_board(bundle, noisy(bundle), settings) as board:
        assert run(board, plan) == first
    with open_board(bundle, noisy(bundle), settings) as board:
        p = [state[2] for state in run(board)]
    assert p == [state[2] for state in again]


@pytest.mark.toolchain
def test_the_link_sets_the_alarm_of_the_emulated_board(bundle, tmp_path):
    quiet = AlarmLevels(kind="mean", windows=32, raise_level=50, clear_level=1)
    controls = Controls()
    controls.ask(SetAlarm(quiet))
    with open_board(bundle, noisy(bundle), Emulated(emulated_image(bundle, tmp_path))) as board:
        events = streamed(board, noisy(bundle), controls=controls)
        session = board._session
    assert not any(s[4] for s in states(events))
    assert session is not None


@pytest.mark.toolchain
def test_an_image_without_an_alarm_holds_none_of_its_code(tmp_path):
    import subprocess

    image = emulated_image(small_bundle(tmp_path / "plain"), tmp_path)
    names = subprocess.run(
        ["arm-none-eabi-nm", "-C", str(image)], capture_output=True, text=True, check=True
    ).stdout
    # Empty functions of the stage that is none are inlined.
    for word in ("p_value", "vigil::Alarm::", "vigil::Drift", "AlarmSet", "kCalibrationPoints"):
        assert word not in names, word


def test_an_alarm_of_more_flagged_windows_than_it_looks_at_is_refused() -> None:
    with pytest.raises(ValueError, match="of 3 windows, 5 cannot be flagged: K is at most N"):
        alarm_levels("count:3:5")
    assert alarm_levels("count:3:3").raise_level == 3
