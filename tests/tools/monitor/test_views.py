"""The views of lines: plain text, JSON and the summary."""

from __future__ import annotations

import io
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.monitor_board import WINDOW, FakeBoard, source
from tests.support.watched import watched
from tools.monitor.controls import Controls, Mark, Reset
from tools.monitor.events import (
    CalibrationStatus,
    Event,
    Marked,
    Outcome,
    WindowNotJudged,
    WindowScored,
    outcome_of,
)
from tools.monitor.history import History
from tools.monitor.stream import Stream
from tools.monitor.summary import Summary, Tally
from tools.monitor.text import calibration_lines, number, summary_lines
from tools.monitor.views import JsonView, PlainView


def plain(windows: int = 30, width: int = 80) -> list[str]:
    out = io.StringIO()
    board = FakeBoard()
    board.lose = {7}
    watched(PlainView(out, width), windows=windows, board=board)
    return out.getvalue().splitlines()


def test_plain_has_a_line_for_each_window() -> None:
    lines = [line.split() for line in plain() if not line.startswith("#")]
    assert lines[0][:2] == ["beat", "score"]
    assert [int(cells[0]) for cells in lines[1:]] == [k for k in range(30) if k != 7]
    flagged = [int(cells[0]) for cells in lines[1:] if "ANOMALY" in cells]
    assert flagged == [4, 9, 14, 19, 24, 29]
    assert all(cells[-1] == "correct" for cells in lines[1:])


def test_plain_says_what_is_not_a_score() -> None:
    comments = [line for line in plain() if line.startswith("#")]
    assert "emulated board on /dev/fake" in comments[0]
    assert "simulated" in comments[1]
    assert "# lost: beat 7: engine" in comments


@pytest.mark.parametrize("width", [80, 120, 200])
def test_plain_windows_fit_the_width(width: int) -> None:
    assert all(len(line) <= width for line in plain(width=width) if not line.startswith("#"))


def test_json_is_one_object_a_line_and_holds_every_number() -> None:
    out, tally = io.StringIO(), Tally()
    view = JsonView(out)
    watched(view, tally, windows=10)
    view.summary(tally.summary())
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert events[0]["event"] == "started"
    assert events[0]["board"]["emulated"] is True
    scored = [e for e in events if e["event"] == "scored"]
    assert [e["index"] for e in scored] == list(range(10))
    assert scored[4]["flag"] and scored[4]["outcome"] == "true positive" and scored[4]["label"] == 1
    assert len(scored[0]["reconstruction"]) == WINDOW
    assert events[-2] == {"event": "ended", "complete": True, "reason": "", "ts": events[-2]["ts"]}
    assert events[-1]["event"] == "summary" and events[-1]["recall"] == 1.0
    assert not [e for e in events if e["event"] == "samples"]


def test_json_holds_samples_on_request_and_no_infinity() -> None:
    out = io.StringIO()
    view = JsonView(out, samples=True)
    watched(view, windows=2)
    view.handle(WindowScored(1, 0, math.inf, 1.0, True, 1))
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert sum(len(e["counts"]) for e in events if e["event"] == "samples") == 2 * WINDOW
    assert events[-1]["score"] is None
    assert events[-1]["label"] is None and events[-1]["outcome"] is None


def test_the_summary_says_emulated_and_simulated() -> None:
    tally = Tally()
    watched(tally)
    text = "\n".join(summary_lines(tally.summary()))
    assert "30 beats scored, 6 flagged, 0 lost" in text
    assert "simulated signal" in text
    assert "50 us per beat on the board (emulated)" in text
    assert "precision 100.00 %, recall 100.00 %" in text
    assert summary_lines(Tally().summary())[0].startswith("0 windows scored")


def test_one_of_a_thing_is_singular() -> None:
    one = Summary(windows=1, flagged=1, false_positive=1, samples_lost=1, complete=True)
    text = "\n".join(summary_lines(one))
    assert "1 window scored, 1 flagged, 0 lost, 1 sample missing, in 0.0 s; complete" in text
    assert "wrong: 1 false alarm, 0 missed)" in text
    kept = CalibrationStatus("kept", "calibration", 0.5, 1, 1, 1, 0.02, 0)
    assert calibration_lines(kept) == [
        "threshold 0.5000: board's calibration, 1 window, 2 %",
        "1 of 1 window was set aside as abnormal",
    ]
    twenty = replace(kept, state="running", windows=20)
    assert calibration_lines(twenty) == ["calibrating: 1 of 20 windows"]
    assert "0 false alarms, 2 missed" in summary_lines(Summary(false_negative=2))[1]


@pytest.mark.parametrize(
    ("flag", "label", "outcome"),
    [
        (True, 1, Outcome.TRUE_POSITIVE),
        (False, 1, Outcome.FALSE_NEGATIVE),
        (True, 0, Outcome.FALSE_POSITIVE),
        (False, 0, Outcome.TRUE_NEGATIVE),
        (True, -1, None),
        (False, -1, None),
    ],
)
def test_outcomes(flag: bool, label: int, outcome: Outcome | None) -> None:
    assert outcome_of(flag, label) is outcome


@given(st.floats(allow_nan=True))
def test_numbers_are_short(value: float) -> None:
    assert len(number(value)) <= 9


def test_a_reset_begins_the_counts_anew() -> None:
    past, tally, controls = History(), Tally(), Controls()
    board, marked = FakeBoard(), False

    def emit(event: Event) -> None:
        nonlocal marked
        past.handle(event)
        tally.handle(event)
        marked = marked or isinstance(event, Marked)
        if isinstance(event, WindowScored) and event.index == 20 and not marked:
            controls.ask(Mark())
            controls.ask(Reset())

    Stream(board, source(30), controls, emit, windows=25).run()
    assert marked and not past.marks
    for summary in (past.summary, tally.summary()):
        assert summary.windows == 25 and summary.flagged == summary.true_positive == 5
        assert summary.precision == summary.recall == 1.0


def test_a_run_without_a_judged_window_says_why() -> None:
    tally = Tally()
    for reason, said in (("learning", "before the wearer was learned"), ("flat", "check the")):
        tally.handle(WindowNotJudged(3, 3 * WINDOW, reason))
        assert said in "\n".join(summary_lines(tally.summary()))


def test_hundreds_of_windows_that_are_learned_from_are_one_plain_line():
    out = io.StringIO()
    view = PlainView(out)
    for index in range(3):
        view.handle(WindowNotJudged(index, index * WINDOW, "learning"))
    view.handle(WindowNotJudged(3, 3 * WINDOW, "flat"))
    view.handle(WindowScored(4, 4 * WINDOW, 0.1, 0.5, False, 50))
    lines = out.getvalue().splitlines()
    assert lines[0] == "# learning what is normal; these windows are not judged"
    assert "not judged: flat" in lines[1]
    assert lines[2] == "# learned from 3 windows"
    assert lines[3] == "# judged again from window 4 on; 1 window was not"
    assert "normal" in lines[4] and len(lines) == 5
