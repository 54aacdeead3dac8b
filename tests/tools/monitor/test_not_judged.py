"""Windows that the quality gate rejects: in every view, with their reason, and never as normal."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from tests.support.images import emulated_image
from tools.boards.emulated import EmulatedBoard
from tools.measure.verify.verify import verify
from tools.monitor.boards.in_process import InProcessBoard
from tools.monitor.boards.opening import open_board
from tools.monitor.controls import Controls
from tools.monitor.events import Event, WindowNotJudged, WindowScored
from tools.monitor.history import History
from tools.monitor.settings import Emulated
from tools.monitor.stream import Stream
from tools.monitor.summary import Tally
from tools.monitor.terminal.panels import facts
from tools.monitor.text import summary_lines
from tools.monitor.views import JsonView, PlainView
from tools.monitor.web.hub import Hub
from tools.recordings.load import of_bundle
from tools.recordings.source import Source, of_recording
from training.bundle import Bundle
from training.data.recording import Recording


class Collected:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def handle(self, event: Event) -> None:
        self.events.append(event)


def unplugged(bundle: Bundle) -> Source:
    """The test recording: flat in the second of three stretches, a spike in the third."""
    played = of_bundle(bundle)
    m = bundle.manifest
    size = 8 * m.segmenter.window
    counts = played.counts[: 3 * size].copy()
    counts[size : 2 * size] = counts[size]
    counts[spike_frame(bundle)] = 32767
    return of_recording(
        Recording(
            name="unplugged",
            description="a sensor unplugged for a while",
            counts=counts,
            labels=np.full(len(counts), -1, np.int8),
            channels=tuple(m.signal.channels),
            units=tuple(m.signal.units),
            gain=tuple(m.signal.gain),
            offset=tuple(m.signal.offset),
            rate_hz=m.signal.rate_hz,
        )
    )


def spike_frame(bundle: Bundle) -> int:
    return 20 * bundle.manifest.segmenter.window


@pytest.fixture(scope="module")
def run(trained_bundle: Bundle) -> tuple[list[Event], dict[str, str], History, Tally]:
    plain, lines = io.StringIO(), io.StringIO()
    collected, history, tally = Collected(), History(), Tally()
    hub = Hub()
    views = [collected, PlainView(plain), JsonView(lines), history, tally]
    views.append(hub.view("one", Controls()))
    source = unplugged(trained_bundle)

    def emit(event: Event) -> None:
        for view in views:
            view.handle(event)

    Stream(InProcessBoard(trained_bundle), source, Controls(), emit).run()
    return collected.events, {"plain": plain.getvalue(), "json": lines.getvalue()}, history, tally


def flat_windows(bundle: Bundle) -> set[int]:
    """Indices of the windows that lie in the flat stretch."""
    s = bundle.manifest.segmenter
    size = 8 * s.window
    return {k for k in range(3 * size // s.hop) if size <= k * s.hop <= 2 * size - s.window}


def test_every_window_of_a_dead_sensor_is_rejected_and_none_is_scored(trained_bundle, run):
    events = run[0]
    rejected = {e.index: e.reason for e in events if isinstance(e, WindowNotJudged)}
    scored = {e.index for e in events if isinstance(e, WindowScored)}
    flat = flat_windows(trained_bundle)
    assert {k: rejected.get(k) for k in flat} == dict.fromkeys(flat, "flat")
    assert not scored & set(rejected)
    assert len(scored) > 2 * len(flat) - 8, "the stretches before and after are judged"


def test_a_window_with_a_spike_is_flagged_or_clipped_but_never_normal(trained_bundle, run):
    s = trained_bundle.manifest.segmenter
    at = spike_frame(trained_bundle)
    windows = [
        e
        for e in run[0]
        if isinstance(e, WindowNotJudged | WindowScored)
        and e.first_frame <= at < e.first_frame + s.window
    ]
    assert windows
    for e in windows:
        assert e.flag if isinstance(e, WindowScored) else e.reason == "clipped"


def test_the_events_say_that_they_are_not_judged(run):
    lines = [json.loads(line) for line in run[1]["json"].splitlines()]
    windows = [line for line in lines if line["event"] in ("scored", "not_judged")]
    assert {(w["event"], w["judged"]) for w in windows} == {("scored", True), ("not_judged", False)}
    assert {w["reason"] for w in windows if not w["judged"]} <= {
        *("flat", "stuck", "railed", "clipped")
    }
    assert all("score" not in w for w in windows if not w["judged"])


def test_lines_panel_and_summary_name_them(run):
    _, text, history, tally = run
    summary = tally.summary()
    assert summary.not_judged > 0 and summary.lost == 0
    assert text["plain"].count("not judged: flat") > 0
    assert f"{summary.not_judged} not judged" in summary_lines(summary)[0]
    with history.frozen():
        panel = "\n".join(line.plain for line in facts(history, 60, 20))
    assert "not judged" in panel and f"{summary.not_judged:,}" in panel


@pytest.mark.toolchain
def test_the_emulated_board_rejects_what_the_host_rejects(trained_bundle, tmp_path, run):
    image = emulated_image(trained_bundle, tmp_path)
    collected = Collected()
    source = unplugged(trained_bundle)
    with open_board(trained_bundle, source, Emulated(image)) as board:
        Stream(board, source, Controls(), collected.handle).run()

    def verdicts(events: list[Event]) -> dict[int, float | str]:
        by_index: dict[int, float | str] = {}
        for event in events:
            if isinstance(event, WindowScored):
                by_index[event.index] = event.score
            elif isinstance(event, WindowNotJudged):
                by_index[event.index] = event.reason
        return by_index

    assert verdicts(collected.events) == verdicts(run[0])


@pytest.mark.toolchain
def test_verify_counts_the_verdicts_of_the_gate(trained_bundle, tmp_path):
    normal = trained_bundle.evaluation()["counts"][:12]
    dead = np.repeat(normal[:, :1], normal.shape[1], axis=1)
    spike = normal.copy()
    spike[:, 5] = 32767
    windows = np.concatenate([normal, dead, np.full_like(normal, 32767), spike])
    with EmulatedBoard(emulated_image(trained_bundle, tmp_path)) as board:
        result = verify(trained_bundle.path, [board.port], counts=windows)
    gate = next(target for target in result.targets if "quality gate" in target.name)
    assert result.ok, result
    assert gate.score is not None and gate.score.wrong == 0
    assert "windows are not judged" in gate.note
