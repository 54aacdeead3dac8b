"""The terminal view's panels: trace, scores, last windows, statistics, inspector."""

# ruff: noqa: F811 (fixtures)

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pytest
from rich.text import Text

from tests.support.monitor_board import WINDOW, FakeBoard, recording, source
from tests.support.watched import history, watched  # noqa: F401 (fixture)
from tools.monitor.events import (
    Ended,
    LinkCounters,
    SamplesSent,
    Started,
    ThresholdChanged,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.history import FRAMES, WINDOWS, History
from tools.monitor.terminal import panels
from tools.monitor.terminal.inspector import inspector
from tools.monitor.terminal.palette import ANOMALY, RECONSTRUCTION, SIGNAL
from tools.monitor.terminal.trace import span_of, title, trace
from tools.monitor.text import number
from tools.monitor.usual_beat import usual_beat
from tools.monitor.views import PlainView
from tools.recordings.source import of_recording

PAINTERS = [panels.header, trace, inspector, panels.scores, panels.windows, panels.facts]


def test_the_trace_of_a_model_of_features_says_why_there_is_no_reconstruction(history):
    past = History()
    watched(past, board=FakeBoard(reconstructs=False))
    assert title(past) == "ecg (mV) · no reconstruction: the model sees features"
    assert title(history) == "ecg (mV)"


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


def test_the_header_follows_the_stream() -> None:
    past = History()
    watched(past, windows=2)
    past.handle(Ended(complete=False, reason="by key"))
    past.handle(LinkCounters(sent=5, resent=2))
    assert "ended" in panels.header(past, 80, 2)[0].plain
    lines = "\n".join(line.plain for line in panels.facts(past, 29, 12))
    assert re.search(r"resent, repeated +2, 0", lines)


def test_the_header_says_why_the_newest_window_has_no_score() -> None:
    past = History()
    watched(past, windows=2)
    for event, state in (
        (WindowNotJudged(2, 2 * WINDOW, "flat"), "not judged: flat"),
        (WindowNotJudged(3, 3 * WINDOW, "missing"), "not judged: missing"),
        (WindowScored(4, 4 * WINDOW, 0.1, 0.5, False, 50), "live"),
        (WindowsLost(5, 2, "lead_off"), "lost: lead_off"),
        (WindowNotJudged(7, 7 * WINDOW, "flat"), "not judged: flat"),
        (WindowsLost(8, 1, "lead_off"), "lost: lead_off"),
        (WindowScored(9, 9 * WINDOW, 0.1, 0.5, False, 50), "live"),
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


def test_the_inspector_names_the_windows_of_an_alarm() -> None:
    past = History()
    watched(past, windows=3)
    for index in range(3, 8):
        flag = index != 5
        past.handle(WindowScored(index, index * WINDOW, 2e5, 1e5, flag, 50, alarm=index > 3))
    lines = inspector(past, 100, 10)
    assert "alarm 4 to 7, 3 of 4 flagged" in lines[0].plain
    assert "alarm" not in inspector(past, 100, 10, 3)[0].plain
    for index in range(8, 8 + WINDOWS):  # only the newest are kept
        past.handle(WindowScored(index, index * WINDOW, 2e5, 1e5, True, 50, alarm=True))
    assert f"alarm 8 or before to {7 + WINDOWS}, " in inspector(past, 100, 10)[0].plain
