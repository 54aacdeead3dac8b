"""A stream of heartbeats in every view: R marks, RR intervals and the heart rate."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from tests.support.ecg import ecg, regular_peaks
from tools.measure.bench.small_bundle import small_bundle
from tools.monitor.boards.in_process import InProcessBoard
from tools.monitor.controls import Controls
from tools.monitor.events import Ended, Notice, WindowScored
from tools.monitor.history import History
from tools.monitor.stream import Stream
from tools.monitor.terminal import panels
from tools.monitor.terminal.trace import trace
from tools.monitor.text import heart_rate
from tools.monitor.views import JsonView, PlainView
from tools.recordings.source import Source, of_recording
from training.beats import beats_at
from training.data.recording import Recording

RATE, SECONDS = 180, 40


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "beats"
    return small_bundle(path, window=144, segmenter=beats_at(180.0, 144, 54), rate_hz=180.0)


def ecg_source(abnormal: int = 20, missing: slice | None = None) -> Source:
    peaks = regular_peaks(RATE, SECONDS, beats_per_minute=60, jitter=0)
    labels = np.zeros(SECONDS * RATE, np.int8)
    labels[peaks[abnormal] - 30 : peaks[abnormal] + 30] = 1
    recording = Recording(
        name="made",
        description="made ECG",
        counts=ecg(peaks, RATE, SECONDS * RATE)[:, None],
        labels=labels,
        channels=("ecg",),
        units=("mV",),
        gain=(200.0,),
        offset=(0,),
        rate_hz=180.0,
    )
    absent = np.zeros(SECONDS * RATE, np.bool_)
    if missing is not None:
        absent[missing] = True
    return of_recording(recording, missing=absent)


def streamed(bundle, source, *views, windows=None):
    events = []

    def emit(event):
        events.append(event)
        for view in views:
            view.handle(event)

    Stream(InProcessBoard(bundle), source, Controls(), emit, windows=windows).run()
    return events


def test_the_stream_completes_and_labels_each_beat_at_its_r(bundle):
    events = streamed(bundle, ecg_source())
    assert events[-1] == Ended(complete=True, reason="")
    beats = [e for e in events if isinstance(e, WindowScored)]
    assert len(beats) >= 28
    assert {e.peak - e.first_frame for e in beats} == {54}
    assert {e.interval for e in beats[1:]} <= {179, 180, 181}
    assert [e.label for e in beats].count(1) == 1


def test_a_number_of_windows_counts_beats(bundle):
    events = streamed(bundle, ecg_source(), windows=5)
    assert sum(isinstance(e, WindowScored) for e in events) == 5
    assert events[-1].complete


def test_after_a_gap_the_first_interval_is_unknown(bundle):
    events = streamed(bundle, ecg_source(missing=slice(4000, 4400)))
    beats = [e for e in events if isinstance(e, WindowScored)]
    after = next(e for e in beats if e.peak > 4400)
    assert after.interval == 0
    assert not any(4000 - 90 < e.peak < 4400 + 54 for e in beats)
    assert events[-1].complete


def test_every_view_shows_r_and_rr(bundle):
    lines, objects, past = io.StringIO(), io.StringIO(), History()
    streamed(bundle, ecg_source(), PlainView(lines), JsonView(objects), past)
    assert lines.getvalue().count("RR 1000 ms") > 20
    scored = [json.loads(line) for line in objects.getvalue().splitlines()]
    scored = [each for each in scored if each["event"] == "scored"]
    assert all(each["peak"] == each["first_frame"] + 54 for each in scored)
    facts = "\n".join(line.plain for line in panels.facts(past, 40, 12))
    assert "60/min, 1000 ms" in facts
    drawn = trace(past, 120, 12)[-2].plain  # above the axis of time
    assert drawn.count("♥1000") >= 3


def test_a_flat_line_is_said_once(bundle):
    """A dead sensor has no beats: nothing is judged, and no view may stay silent about it."""
    source = ecg_source()
    source.counts[20 * RATE :] = source.counts[20 * RATE]
    events = streamed(bundle, source)
    notices = [e.text for e in events if isinstance(e, Notice) and "no heartbeat" in e.text]
    assert notices == ["no heartbeat for 10 s, so nothing is judged: check the sensor"]
    last = max(e.peak for e in events if isinstance(e, WindowScored))
    assert last < 20 * RATE


def test_a_beating_heart_is_no_flat_line(bundle):
    events = streamed(bundle, ecg_source())
    assert not any(isinstance(e, Notice) and "no heartbeat" in e.text for e in events)


def test_the_heart_rate_is_the_median_of_known_intervals():
    assert heart_rate([0, 180, 180, 90, 180], 180.0) == (60.0, 1000.0)
    assert heart_rate([0, 0], 180.0) is None
    assert heart_rate([180], None) is None
    assert heart_rate([900] * 30 + [90] * 8, 180.0) == (120.0, 500.0)


def test_views_of_other_windows_are_unchanged(bundle):
    line = io.StringIO()
    event = WindowScored(1, 0, 0.5, 1.0, False, 3)
    PlainView(line).handle(event)
    assert "RR" not in line.getvalue()
    assert replace(event, peak=None).interval == 0
