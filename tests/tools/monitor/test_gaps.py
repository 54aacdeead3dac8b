"""Samples that are missing: no view makes them up, and a source passes over them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest

from tests.support.monitor_board import FakeBoard, recording, source
from tools.measure.bench.small_bundle import WINDOW, small_bundle
from tools.monitor.boards.in_process import InProcessBoard
from tools.monitor.boards.sensor_board import Sensor, of_sensor
from tools.monitor.controls import Controls
from tools.monitor.events import (
    Event,
    Restarted,
    SamplesLost,
    SamplesSent,
    Started,
    WindowScored,
    WindowsLost,
)
from tools.monitor.history import GAPS, History
from tools.monitor.recorder import Recorder
from tools.monitor.stream import Stream
from tools.monitor.views import JsonView, PlainView
from tools.monitor.web.hub import Hub
from tools.recordings.csv import samples_path
from tools.recordings.load import of_file
from tools.recordings.source import of_recording
from training.bundle import Bundle
from training.bundle.errors import DataError


def missing(frames: int, *gone: range) -> np.ndarray:
    result = np.zeros(frames, np.bool_)
    for each in gone:
        result[each.start : each.stop] = True
    return result


def test_a_source_gives_what_there_is_up_to_a_gap():
    whole = recording(4)
    gaps = of_recording(whole, missing=missing(whole.frames, range(10, 25), range(79, 80)))
    assert len(gaps.take(0, 80)) == 10 and gaps.gap(0) == 0
    assert len(gaps.take(12, 10)) == 0 and gaps.gap(12) == 13
    assert np.array_equal(gaps.take(25, 80), whole.counts[25:79])
    assert gaps.gap(79) == 1 and gaps.gap(80) == 0
    assert gaps.label(40, 20) == 0 and gaps.label(0, 20) == -1  # a label for what nobody saw?
    assert of_recording(whole, missing=missing(whole.frames)).missing is None


def test_a_sensor_is_a_source_that_nobody_knows(tmp_path: Path):
    sensor = of_sensor(small_bundle(tmp_path / "waves"), "A0")
    assert isinstance(sensor, Sensor) and sensor.frames is None
    assert len(sensor.take(5, 10)) == 0 and sensor.gap(7) == 0
    assert sensor.frame_labels(3, 4).tolist() == [-1] * 4 and sensor.label(0, 20) == -1


def test_a_gap_in_a_stream_is_skipped_and_told(tmp_path: Path):
    """On this machine, by the board's own segmenter."""
    bundle = small_bundle(tmp_path / "waves")
    rng = np.random.default_rng(1)
    counts = rng.integers(-900, 900, (10 * WINDOW, 1)).astype(np.int16)
    path = tmp_path / "gaps.npz"
    gone = missing(len(counts), range(3 * WINDOW + 2, 5 * WINDOW))
    np.savez(
        path,
        counts=counts,
        label=np.zeros(len(counts), np.int8),
        missing=gone,
        rate_hz=100.0,
        simulated=False,
    )
    events: list[Event] = []
    Stream(InProcessBoard(bundle), of_file(path, bundle), Controls(), events.append).run()
    lost = [e for e in events if isinstance(e, WindowsLost)]
    assert [(e.first, e.count) for e in lost] == [(3, 2)]
    assert [e.index for e in events if isinstance(e, WindowScored)] == [0, 1, 2, 5, 6, 7, 8, 9]
    (gap,) = [e for e in events if isinstance(e, SamplesLost)]
    assert (gap.first_frame, gap.count) == (3 * WINDOW + 2, 2 * WINDOW - 2)


def started() -> Started:
    return Started(FakeBoard().facts, source().facts, 0)


def sent(first: int, count: int) -> SamplesSent:
    return SamplesSent(first, np.arange(first, first + count, dtype=np.int16).reshape(-1, 1))


STREAM: list[Event] = [sent(0, 30), SamplesLost(30, 15, "lead_off"), sent(45, 20)]


def test_the_trace_has_a_hole_there():
    history = History()
    for event in (started(), *STREAM):
        history.handle(event)
    seen = history.samples(0, 65)[:, 0]
    assert np.flatnonzero(np.isnan(seen)).tolist() == list(range(30, 45))
    assert seen[45] == 45 and history.next_frame == 65
    assert np.flatnonzero(np.isnan(history.samples(40, 50)[:, 0])).tolist() == [0, 1, 2, 3, 4]
    assert "no samples 30 to 44: lead_off" in history.notice
    for n in range(3 * GAPS):
        history.handle(SamplesLost(65 + n, 1, "overrun"))
    assert history.next_frame == 65 + 3 * GAPS
    history.handle(Restarted(0, "reset"))
    history.handle(sent(0, 65))
    assert not np.isnan(history.samples(0, 65)).any()


def test_lines_say_so():
    out = io.StringIO()
    plain, as_json = PlainView(out), JsonView(out)
    for view in (plain, as_json):
        view.handle(STREAM[1])
    first, second = out.getvalue().splitlines()
    assert first == "# no samples 30 to 44: lead_off"
    values = json.loads(second)
    assert values.pop("ts") > 0
    assert values == {
        "event": "samples_lost",
        "first_frame": 30,
        "count": 15,
        "reason": "lead_off",
    }


def test_a_browser_that_comes_later_is_told_of_the_gap_in_its_place():
    hub = Hub()
    view = hub.view("a", Controls())
    for event in (started(), *STREAM):
        view.handle(event)
    ((_, (past,)),) = [hub.news_and_past()]
    kinds = [(e["event"], e.get("first_frame")) for e in past["events"][1:4]]
    assert kinds == [("samples", 0), ("samples_lost", 30), ("samples", 45)]


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".hea"])
@pytest.mark.parametrize("first", [0, 5])
def test_a_recording_keeps_their_place(tmp_path: Path, suffix: str, first: int, bundle: Bundle):
    """Also where it begins with a gap, or in the middle of a window."""
    path = (tmp_path / "run").with_suffix(suffix)
    view = Recorder(path, lambda first, count: np.zeros(count, np.int8))
    view.handle(started())
    view.handle(SamplesLost(first, 25 - first, "overrun"))
    view.handle(sent(25, 30))
    view.handle(SamplesLost(55, 5, "lead_off"))
    view.handle(sent(60, 40))
    view.close()
    read = of_file(samples_path(path) if suffix == ".csv" else path, bundle)
    begin = 0 if first == 0 else 20  # at a window's start
    assert read.missing is not None and len(read.counts) == 100 - begin
    gone = np.flatnonzero(read.missing) + begin
    assert gone.tolist() == [*range(begin, 25), *range(55, 60)]
    there = ~read.missing
    counts = np.arange(begin, 100)[there]
    units = 1 if suffix == ".npz" else 1000 / 200  # the source's gain is 200, the bundle's 1000
    assert np.array_equal(read.counts[there][:, 0], counts * units)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "waves")


def test_a_comment_that_makes_no_sense_is_one_clear_line(tmp_path: Path, bundle: Bundle):
    path = tmp_path / "bad.csv"
    rows = "\n".join(str(n / 100) for n in range(50))
    path.write_text(f"# missing: all of it\nc0\n{rows}\n")
    with pytest.raises(DataError, match=r"should give the first missing row and how many"):
        of_file(path, bundle)
