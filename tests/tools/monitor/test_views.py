"""The views: what people and programs read, at any size of terminal."""

from __future__ import annotations

import asyncio
import io
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from tests.support.monitor_board import WINDOW, FakeBoard, recording, source
from tools.monitor.bars import bar, height
from tools.monitor.controls import Controls, Mark, Reset, SetPaused, SetThreshold
from tools.monitor.events import (
    Ended,
    Event,
    LinkCounters,
    Marked,
    Outcome,
    ThresholdChanged,
    View,
    WindowNotJudged,
    WindowScored,
    outcome_of,
)
from tools.monitor.history import FRAMES, WINDOWS, History
from tools.monitor.stream import Stream
from tools.monitor.summary import Tally
from tools.monitor.terminal import panels
from tools.monitor.terminal.app import KEYS, MonitorApp, heights
from tools.monitor.terminal.braille import Canvas
from tools.monitor.terminal.inspector import inspector
from tools.monitor.terminal.palette import ANOMALY, RECONSTRUCTION, SIGNAL
from tools.monitor.terminal.trace import span_of, title, trace
from tools.monitor.text import number, summary_lines
from tools.monitor.usual_beat import usual_beat
from tools.monitor.views import JsonView, PlainView
from tools.recordings.source import of_recording

PAINTERS = [panels.header, trace, inspector, panels.scores, panels.windows, panels.facts]
positive = st.floats(1e-6, 1e6)


def watched(*views: View, windows: int = 30, board: FakeBoard | None = None) -> None:
    def emit(event: object) -> None:
        for view in views:
            view.handle(event)  # type: ignore[arg-type]

    Stream(board or FakeBoard(), source(windows), Controls(), emit).run()


@pytest.fixture(scope="module")
def history() -> History:
    past = History()
    board = FakeBoard()
    board.lose = {7}
    watched(past, board=board)
    past.handle(Marked(frame=29 * WINDOW, window=29, text="mark"))
    return past


def test_the_trace_of_a_model_of_features_says_why_there_is_no_reconstruction(history):
    past = History()
    watched(past, board=FakeBoard(reconstructs=False))
    assert title(past) == "ecg (mV) · no reconstruction: the model sees features"
    assert title(history) == "ecg (mV)"


# --- lines --------------------------------------------------------------------------------------


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


# --- bars and braille ---------------------------------------------------------------------------


@given(positive, positive, st.integers(0, 60))
def test_a_bar_crosses_the_line_exactly_when_the_score_does(
    score: float, threshold: float, cells: int
) -> None:
    text = bar(score, threshold, cells)
    assert len(text) == cells
    if cells >= 3:
        assert (text[cells // 2] == "┃") == (score > threshold)


@given(positive, positive, positive)
def test_height_ascends_and_is_half_at_the_threshold(a: float, b: float, threshold: float) -> None:
    low, high = sorted((a, b))
    assert 0 <= height(low, threshold) <= height(high, threshold) <= 1
    assert height(threshold, threshold) == 0.5


@pytest.mark.parametrize("score", [0.0, -1.0, math.inf, math.nan])
@pytest.mark.parametrize("threshold", [0.0, -1.0, 1.0, math.inf])
def test_height_of_what_should_not_be(score: float, threshold: float) -> None:
    assert 0 <= height(score, threshold) <= 1


def test_braille_dots_stand_where_the_values_are() -> None:
    canvas = Canvas(2, 1)
    steps = np.array([0.0, 1 / 3, 2 / 3, 1.0])
    canvas.draw(steps, steps, SIGNAL)
    assert canvas.lines()[0].plain == "⡠⠊"


def test_braille_edges_are_joined_and_gaps_are_not() -> None:
    canvas = Canvas(1, 2)
    canvas.draw(np.array([0.0, 1.0]), np.array([0.0, 1.0]), SIGNAL)
    assert [line.plain for line in canvas.lines()] == ["⢸", "⡸"]
    canvas = Canvas(2, 1)
    canvas.draw(*2 * (np.array([0.0, np.nan, 0.0, np.nan]),), SIGNAL)
    assert canvas.lines()[0].plain == "⡀⡀"


# --- panels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("painter", PAINTERS)
@pytest.mark.parametrize("size", [(80, 24), (40, 10), (120, 40), (1, 1), (0, 0), (3, 2), (300, 3)])
def test_a_panel_fits_any_size(painter, size: tuple[int, int], history: History) -> None:  # type: ignore[no-untyped-def]
    width, lines = size
    for past in (history, History()):
        painted = painter(past, width, lines)
        assert len(painted) == lines
        assert all(line.cell_len <= width and "\n" not in line.plain for line in painted)


def styled(lines: list[Text], style: object) -> int:
    return sum(len(span) for line in lines for span in line.spans if span.style == style)


def test_the_trace_shows_signal_reconstruction_and_flags(history: History) -> None:
    lines = trace(history, 60, 8)
    assert "29 ▲ ANOMALY"[:6] in lines[-1].plain
    for style in (SIGNAL, RECONSTRUCTION, ANOMALY):
        assert styled(lines[:-1], style) > 0


def test_the_trace_keeps_its_shape_as_it_moves() -> None:
    past = History()
    watched(past)
    span = span_of(past, 20)
    assert span.first % span.bin_frames == 0
    assert span.stop >= 30 * WINDOW


def test_several_channels_lie_below_each_other() -> None:
    noise = recording(4)
    two = type(noise)(
        **{
            **noise.__dict__,
            "counts": np.hstack([noise.counts, -noise.counts]),
            "channels": ("a", "b"),
            "units": ("mV", "mV"),
            "gain": (1.0, 1.0),
            "offset": (0, 0),
        }
    )
    past, what = History(), of_recording(two)
    from dataclasses import replace

    from tools.monitor.events import SamplesSent, Started

    past.handle(Started(replace(FakeBoard().facts, channels=2), what.facts, 0))
    past.handle(SamplesSent(0, what.counts))
    lines = trace(past, 40, 9)
    assert all(any(c.strip("\u2800 ") for c in line.plain) for line in (*lines[1:3], *lines[5:7]))


def test_the_header_says_emulated_and_simulated(history: History) -> None:
    first, second = panels.header(history, 80, 2)
    assert " EMULATED " in first.plain and " SIMULATED " in first.plain
    assert first.plain.endswith("complete ")
    assert second.plain.rstrip().endswith("/dev/fake")


def test_the_last_windows_are_shown_newest_first(history: History) -> None:
    lines = [line.plain for line in panels.windows(history, 47, 4)]
    assert [int(line[1:8]) for line in lines] == [29, 28, 27, 26]
    assert lines[0].startswith("◆") and "ANOMALY" in lines[0] and "✓" in lines[0]
    assert "normal" in lines[1]


def test_the_score_history_has_its_threshold_line(history: History) -> None:
    lines = [line.plain for line in panels.scores(history, 60, 5)]
    assert lines[2].startswith("─") and lines[2].rstrip().endswith(number(1e5))
    assert sum(line.count("█") for line in lines[:2]) > 0  # flagged ones reach above it


def test_history_is_bounded_and_keeps_the_newest() -> None:
    past = History()
    watched(past, windows=900)
    assert len(past.windows) == WINDOWS and past.windows[-1].index == 899
    kept = past.samples(0, 900 * WINDOW)
    assert np.isnan(kept).all(axis=1).sum() == 900 * WINDOW - FRAMES
    assert np.array_equal(kept[-FRAMES:], source(900).counts[-FRAMES:])


# --- terminal -----------------------------------------------------------------------------------


@pytest.mark.parametrize("total", range(0, 80))
def test_the_parts_of_the_screen_add_up(total: int) -> None:
    parts = heights(total)
    shares = (parts.header, parts.trace, parts.scores, parts.below)
    assert all(share >= 0 for share in shares)
    assert sum(shares) + parts.footer <= max(total, 1)
    if total >= 9:
        assert sum(shares) + parts.footer == total and parts.trace >= 3
    if total >= 20:
        assert parts.scores % 2 == 1 and parts.trace >= 6


def test_many_channels_take_the_lines_of_the_scores() -> None:
    assert heights(24, 4) == heights(24) and heights(24, 8).trace - 3 >= 8
    assert heights(50, 8) == heights(50)
    parts = heights(24, 8)
    assert parts.header + parts.trace + parts.below + parts.footer == 24


@pytest.mark.parametrize("size", [(80, 24), (70, 20), (120, 40), (40, 10), (20, 5)])
def test_the_screen_at_every_size(size: tuple[int, int], history: History) -> None:
    async def look() -> list[str]:
        app = MonitorApp(history, Controls(), lambda: None)
        async with app.run_test(size=size) as pilot:
            await pilot.pause(0.2)
            await pilot.resize_terminal(size[0] + 7, size[1] + 3)
            await pilot.pause(0.2)
            await pilot.resize_terminal(*size)
            await pilot.pause(0.2)
            lines = app.screen._compositor.render_strips()
            return ["".join(segment.text for segment in line) for line in lines]

    lines = asyncio.run(look())
    assert len(lines) == size[1]
    assert all(len(line) == size[0] for line in lines)
    screen = "\n".join(lines)
    assert "Vigil" in screen
    if size[1] >= 10:
        assert "ANOMALY" in screen
        assert "quit" in screen
    if size >= (70, 20):
        assert re.search(r"link +healthy", screen)
    if size == (80, 24):
        for words in ("EMULATED", "SIMULATED", "reconstruction", "recall", "log scale", "✓"):
            assert words in screen


def test_keys_become_commands(history: History) -> None:
    controls = Controls()

    async def press() -> None:
        app = MonitorApp(history, controls, lambda: None)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("space", "up", "up", "m", "d", "down", "r", "q")

    asyncio.run(press())
    pause, up, twice, mark, trained, down, reset = controls.take()
    assert (pause, mark, reset) == (SetPaused(), Mark(), Reset())
    assert up.value == pytest.approx(1.05e5)  # type: ignore[union-attr]
    assert twice.value == pytest.approx(1.05**2 * 1e5)  # type: ignore[union-attr]
    assert trained == SetThreshold(1e5)
    assert down.value == pytest.approx(1e5 / 1.05)  # type: ignore[union-attr]
    assert controls.quitting and controls.quit_reason == "by key"
    assert not controls.hurried


def test_who_presses_q_again_waits_for_nothing(history: History) -> None:
    controls = Controls()

    async def press() -> bool:
        app = MonitorApp(history, controls, lambda: None, lambda: False)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.press("q")
            runs = app.is_running and not controls.hurried
            await pilot.press("ctrl+c")
            return runs and app.return_code == 0

    assert asyncio.run(press())
    assert controls.hurried


def screen_of(app: MonitorApp) -> str:
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line) for line in lines)


@pytest.mark.parametrize("key", ["question_mark", "h"])
def test_a_key_shows_what_the_keys_do(history: History, key: str) -> None:
    controls = Controls()

    async def press() -> list[str]:
        app, seen = MonitorApp(history, controls, lambda: None), []
        async with app.run_test(size=(80, 24)) as pilot:
            for each in (key, "r", key):
                await pilot.press(each)
                await pilot.pause(0.2)
                seen.append(screen_of(app))
        return seen

    shown, still, hidden = asyncio.run(press())
    for name, does in KEYS:
        for screen in (shown, still):
            assert f"│ {name:<11}{does} " in screen
        assert does not in hidden
    assert list(controls.take()) == [Reset()]  # the other keys work meanwhile


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


def test_the_header_follows_the_stream() -> None:
    past = History()
    watched(past, windows=2)
    past.handle(Ended(complete=False, reason="by key"))
    past.handle(LinkCounters(sent=5, resent=2))
    assert "ended" in panels.header(past, 80, 2)[0].plain
    lines = "\n".join(line.plain for line in panels.facts(past, 29, 12))
    assert re.search(r"resent, repeated +2, 0", lines)


def test_the_header_says_why_the_newest_window_is_not_judged() -> None:
    past = History()
    watched(past, windows=2)
    for event, state in (
        (WindowNotJudged(2, 2 * WINDOW, "flat"), "not judged: flat"),
        (WindowNotJudged(3, 3 * WINDOW, "missing"), "not judged: missing"),
        (WindowScored(4, 4 * WINDOW, 0.1, 0.5, False, 50), "live"),
    ):
        past.ended = None
        past.handle(event)
        assert panels.header(past, 80, 2)[0].plain.rstrip().endswith(state)


def test_the_trace_names_each_channel_with_its_unit_and_scale(history: History) -> None:
    beside = [line.plain[-8:].strip() for line in trace(history, 60, 8)]
    assert history.source is not None and history.source.channels[0][:7] in beside
    low, high = float(beside[6]), float(beside[0])
    assert low < 0 < high


def test_a_threshold_that_is_not_as_trained_is_marked_everywhere() -> None:
    past = History()
    watched(past)
    assert panels.windows_title(past) == "last beats, threshold 1.0e+05"
    past.handle(ThresholdChanged(2e5))
    assert panels.windows_title(past) == "last beats, threshold 2.0e+05 (not as trained)"
    assert past.notice == "threshold is now 2.0e+05, before 1.0e+05"


def test_the_inspector_shows_the_newest_flag_or_the_one_that_is_asked_for(
    history: History,
) -> None:
    flagged = [w.index for w in history.windows if w.flag]
    assert f"beat {flagged[-1]} ANOMALY" in inspector(history, 80, 10)[0].plain
    lines = inspector(history, 80, 10, flagged[0])
    assert f"beat {flagged[0]} ANOMALY" in lines[0].plain and "× threshold" in lines[0].plain
    assert styled(lines[1:-1], ANOMALY) > 0


def test_the_usual_beat_is_the_median_of_beats_that_were_not_flagged() -> None:
    past, board = History(), FakeBoard()
    board.facts = replace(board.facts, cuts_beats=True)
    watched(past, board=board)
    beat = [w for w in past.windows if w.flag][-1]
    usual = usual_beat(past, beat)
    assert usual is not None
    values, count = usual
    before = [w for w in past.windows if not w.flag and w.index < beat.index][-32:]
    assert count == len(before)
    forms = [past.samples(w.first_frame, w.first_frame + WINDOW) for w in before]
    median = np.median([form - form.mean(axis=0) for form in forms], axis=0)
    assert np.allclose(values - values.mean(axis=0), median - median.mean(axis=0))
    assert usual_beat(past, past.windows[2]) is None  # too few before it


def test_a_run_without_a_judged_window_says_why() -> None:
    tally = Tally()
    for reason, said in (("learning", "before the wearer was learned"), ("flat", "check the")):
        tally.handle(WindowNotJudged(3, 3 * WINDOW, reason))
        assert said in "\n".join(summary_lines(tally.summary()))


def test_beats_that_are_not_judged_have_their_r_and_count_for_the_heart_rate() -> None:
    past, out = History(), io.StringIO()
    view, board = PlainView(out), FakeBoard()
    board.lose = {4, 5, 6, 7}
    watched(past, view, windows=8, board=board)
    for index in range(4, 8):
        event = WindowNotJudged(index, index * WINDOW, "flat", index * WINDOW + 3, 80)
        past.handle(event)
        view.handle(event)
    assert "heart rate, RR" in "\n".join(line.plain for line in panels.facts(past, 31, 12))
    assert "75/min, 800 ms" in "\n".join(line.plain for line in panels.facts(past, 31, 12))
    past.lost.clear()  # a board reports a window once, as lost or as not judged
    assert "♥800" in trace(past, 80, 8)[-1].plain
    assert [line.plain.split()[1:] for line in panels.windows(past, 60, 2)] == [
        ["-", "not", "judged:", "flat"]
    ] * 2
    assert "not judged: flat" in out.getvalue() and "RR 800 ms" in out.getvalue()


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
