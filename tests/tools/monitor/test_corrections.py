""" "This was normal" and "another person wears the board", from command to event."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.ecg import ecg, regular_peaks, worn_bundle
from tests.support.images import emulated_image
from tests.support.monitor_board import FakeBoard, source
from tools.boards.emulated import EmulatedBoard
from tools.link.session import Session
from tools.monitor.board import Board
from tools.monitor.boards.in_process import InProcessBoard
from tools.monitor.boards.link_board import LinkBoard
from tools.monitor.controls import Accept, Controls, RenewWearer, SetThreshold
from tools.monitor.events import (
    Event,
    Notice,
    ThresholdChanged,
    WearerStatus,
    WindowNotJudged,
    WindowScored,
)
from tools.monitor.notices import Notices
from tools.monitor.stream import Stream
from tools.monitor.text import NO_FORM, number, wearer_line
from tools.monitor.views import JsonView, PlainView
from tools.monitor.web.server import command_of
from tools.recordings.source import Source, of_recording
from training.bundle import Bundle
from training.data.recording import Recording

RATE, LEARN = 180.0, 24


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return worn_bundle(tmp_path_factory.mktemp("build") / "ecg", LEARN)


def heart(bundle: Bundle, seconds: int, upside_down: slice = slice(0, 0)) -> Source:
    """An ECG, some of whose beats are upside down."""
    peaks = regular_peaks(RATE, seconds)
    counts = ecg(peaks, RATE, int(seconds * RATE))
    for peak in peaks[upside_down]:
        counts[peak - 14 : peak + 40] *= -1
    return played(bundle, counts)


def played(bundle: Bundle, counts: np.ndarray) -> Source:
    signal = bundle.manifest.signal
    return of_recording(
        Recording(
            name="heart",
            description="heart",
            counts=counts[:, None],
            labels=np.full(len(counts), -1, np.int8),
            channels=tuple(signal.channels),
            units=tuple(signal.units),
            gain=tuple(signal.gain),
            offset=tuple(signal.offset),
            rate_hz=RATE,
            simulated=True,
        )
    )


def run(board: Board, played: Source, commands: dict[int, object], *first: object) -> list[Event]:
    """The events of a stream; `commands` by the number of scored windows before them."""
    controls, events, scored = Controls(), [], 0
    for command in first:
        controls.ask(command)  # type: ignore[arg-type]

    def emit(event: Event) -> None:
        nonlocal scored
        events.append(event)
        scored += isinstance(event, WindowScored)
        if isinstance(event, WindowScored) and scored in commands:
            controls.ask(commands[scored])  # type: ignore[arg-type]

    Stream(board, played, controls, emit).run()
    return events


def of(kind: type, events: list[Event]) -> list:
    return [event for event in events if isinstance(event, kind)]


def notices(events: list[Event]) -> list[str]:
    return [event.text for event in of(Notice, events)]


def test_an_accepted_beat_is_normal_and_the_views_say_so(bundle):
    played = heart(bundle, 90, slice(40, 80, 6))
    threshold = SetThreshold(2.0)
    before = of(WindowScored, run(InProcessBoard(bundle), played, {}, threshold))
    flagged = [k + 1 for k, w in enumerate(before) if w.flag]
    assert len(flagged) >= 5
    events = run(InProcessBoard(bundle), played, {flagged[0]: Accept()}, threshold)
    window = before[flagged[0] - 1].index
    said = f"window {window} counts as normal for this wearer: 2 forms, of which a user accepted 1"
    assert said in notices(events)
    assert sum(w.flag for w in of(WindowScored, events)) <= 2
    statuses = of(WearerStatus, events)
    assert [s.beats for s in statuses if not s.learned] == list(range(LEARN))
    assert statuses[-1].learned and (statuses[-1].forms, statuses[-1].accepted) == (2, 1)
    assert 40 < statuses[-1].per_minute < 120
    out = io.StringIO()
    for event in events:
        PlainView(out).handle(event)
    assert "# wearer: 2 forms, 1 accepted," in out.getvalue()
    assert "# a heartbeat's number counts stretches of 0.233 s," in out.getvalue()
    assert "# score: 0 is a usual beat of this wearer" in out.getvalue()
    line = io.StringIO()
    JsonView(line).handle(statuses[-1])
    assert json.loads(line.getvalue())["event"] == "wearer"


def test_what_cannot_be_accepted_is_one_line(bundle):
    played = heart(bundle, 60)
    events = run(InProcessBoard(bundle), played, {3: Accept(), 4: Accept(12)}, SetThreshold(9.0))
    assert "not accepted: no window was flagged lately" in notices(events)
    assert "not accepted: window 12 is none that was flagged lately" in notices(events)


def test_a_new_wearer_is_learned_anew(bundle):
    played = heart(bundle, 90)
    events = run(InProcessBoard(bundle), played, {5: RenewWearer()}, SetThreshold(9.0))
    learning = [e for e in of(WindowNotJudged, events) if e.reason == "learning"]
    assert len(learning) == 2 * LEARN


def test_noise_teaches_no_wearer_and_is_said_once(bundle):
    noise = np.random.default_rng(1).normal(0, 200, int(90 * RATE)).astype(np.int16)
    events = run(InProcessBoard(bundle), played(bundle, noise), {})
    assert not of(WindowScored, events)
    view = Notices()
    said = [text for event in events for _, text in view.of(event)]
    assert said.count(NO_FORM) == 1
    status = of(WearerStatus, events)[-1]
    assert status.refused and not status.learned
    assert wearer_line(status).endswith("too few of those before resembled one another")


def test_a_changed_signal_is_said_once(bundle):
    played = heart(bundle, 200, slice(60, None))
    events = run(InProcessBoard(bundle), played, {}, SetThreshold(2.0))
    said = [n for n in notices(events) if "begin with a new wearer" in n]
    assert len(said) == 1 and said[0].startswith("40 of the last")


def test_without_a_wearer_the_threshold_rises_to_the_score():
    events = run(FakeBoard(), source(windows=30), {10: Accept()})
    (changed,) = of(ThresholdChanged, events)
    (flagged,) = [w for w in of(WindowScored, events) if w.score == changed.value]
    assert notices(events)[-1] == (
        f"beat {flagged.index} counts as normal: the threshold rises from 1.0e+05 to "
        f"{number(flagged.score)}, its score, until the board restarts"
    )
    events = run(FakeBoard(), source(windows=30), {10: RenewWearer()})
    assert "no new wearer: the model does not learn a wearer" in notices(events)


@pytest.mark.toolchain
def test_the_emulated_board_does_the_same(bundle, tmp_path: Path):
    played, first = heart(bundle, 60, slice(34, 60, 6)), SetThreshold(2.0)
    with (
        EmulatedBoard(emulated_image(bundle, tmp_path)) as board,
        Session.open(board.port) as session,
    ):
        linked = LinkBoard(session, bundle, played, watch=False)
        assert linked.wearer is not None and not linked.wearer.learned
        before = of(WindowScored, run(linked, played, {}, first))
    flagged = [k + 1 for k, w in enumerate(before) if w.flag]
    with (
        EmulatedBoard(emulated_image(bundle, tmp_path)) as board,
        Session.open(board.port) as session,
    ):
        linked = LinkBoard(session, bundle, played, watch=False)
        at = {flagged[0]: Accept(), flagged[0] + 3: Accept(1)}
        events = run(linked, played, at, first)
        assert linked.wearer is not None and linked.wearer.memory in ("kept", "saving")
    assert any("counts as normal for this wearer: 2 forms" in n for n in notices(events)), notices(
        events
    )
    assert any(n.startswith("not accepted: window 1 is none") for n in notices(events))
    assert sum(w.flag for w in of(WindowScored, events)) < len(flagged)


def test_the_browsers_commands():
    assert command_of({"key": "a", "ask": "accept", "window": 7}) == ("a", Accept(7))
    assert command_of({"key": "a", "ask": "renew"}) == ("a", RenewWearer())
    for window in (-1, True, "7", 1.5, None):
        with pytest.raises(ValueError, match="not a command"):
            command_of({"key": "a", "ask": "accept", "window": window})
