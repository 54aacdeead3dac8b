"""A board that samples itself, on the emulated board: shown and recorded like a streamed one, and
a replay of the recording gives the same scores, bit for bit.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.board_text import BoardText
from tests.support.images import emulated_image
from tests.support.requirements import toolchain_missing
from tests.support.waiting import PATIENCE
from tools.boards.adc import AdcRecording
from tools.boards.emulated import EmulatedBoard
from tools.link.faults import FaultConfig
from tools.link.session import Session
from tools.measure.bench.small_bundle import WINDOW, small_bundle
from tools.monitor.boards.opening import open_board, open_sensor_board
from tools.monitor.controls import Controls, Reset, SetPaused, SetThreshold
from tools.monitor.events import (
    Event,
    Notice,
    SamplesLost,
    SamplesSent,
    Started,
    WindowScored,
    WindowsLost,
)
from tools.monitor.run import run
from tools.monitor.settings import (
    BoardSensor,
    Emulated,
    File,
    InProcess,
    MonitorSettings,
    Port,
    RecordingOptions,
    Replay,
)
from tools.monitor.stream import Stream
from tools.recordings.load import of_file
from tools.recordings.registry import read_scores
from tools.recordings.source import Source, of_recording
from training.bundle import Bundle
from training.bundle.errors import DataError, LinkError
from training.data.recording import Recording

WINDOWS = 60
OFF = range(10 * WINDOW + 5, 12 * WINDOW + 7)  # while the leads are off: windows 10, 11 and 12
# 200 samples a second: the board keeps 0.7 s of them while this process is not scheduled.
SPEED = 2

pytestmark = pytest.mark.toolchain


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "waves")


@pytest.fixture(scope="module")
def image(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if reason := toolchain_missing():
        pytest.skip(reason)
    return emulated_image(bundle, tmp_path_factory.mktemp("image"))


def recording_of(bundle: Bundle, off: range = range(0)) -> Source:
    """Sines, every third window noisier and labelled; `off`: no samples there."""
    random, at = np.random.default_rng(5), np.arange(WINDOW) / WINDOW
    waves, labels = [], []
    for k in range(WINDOWS):
        noise = 0.3 if k % 3 == 2 else 0.05
        waves.append(np.sin(2 * np.pi * (at + random.random())) + random.normal(0, noise, WINDOW))
        labels.append(np.full(WINDOW, int(k % 3 == 2), np.int8))
    signal = bundle.manifest.signal
    counts = np.rint(1000 * np.concatenate(waves)).astype(np.int16).reshape(-1, 1)
    recording = Recording(
        name="waves",
        description="waves",
        counts=counts,
        labels=np.concatenate(labels),
        channels=tuple(signal.channels),
        units=tuple(signal.units),
        gain=tuple(signal.gain),
        offset=tuple(signal.offset),
        rate_hz=signal.rate_hz,
        simulated=True,
    )
    missing = np.isin(np.arange(len(counts)), off)
    return of_recording(recording, missing=missing)


def saved(source: Source, path: Path) -> Path:
    """As a recording of the monitor's own."""
    missing = np.zeros(len(source.counts), np.bool_) if source.missing is None else source.missing
    np.savez(
        path,
        counts=source.counts,
        label=source.labels,
        missing=missing,
        rate_hz=np.float64(source.facts.rate_hz or 0),
        simulated=np.bool_(True),
    )
    return path


@pytest.fixture(scope="module")
def streamed(bundle: Bundle, image: Path) -> dict[int, np.float32]:
    """The scores of the same samples, streamed to the board."""
    events: list[Event] = []
    source = recording_of(bundle)
    with open_board(bundle, source, Emulated(image)) as board:
        Stream(board, source, Controls(), events.append).run()
    return scores(events)


def scores(events: list[Event]) -> dict[int, np.float32]:
    return {e.index: np.float32(e.score) for e in events if isinstance(e, WindowScored)}


def sampled(
    bundle: Bundle,
    image: Path,
    source: Source,
    faults: FaultConfig | None = None,
    watch: bool = False,
) -> list[Event]:
    events: list[Event] = []
    with open_sensor_board(
        bundle, source, Emulated(image, faults), watch=watch, speed=SPEED
    ) as board:
        Stream(board, board.source, Controls(), events.append).run()
    return events


def test_its_scores_are_those_of_the_same_samples_streamed(
    bundle: Bundle, image: Path, streamed: dict[int, np.float32]
) -> None:
    source = recording_of(bundle)
    events = sampled(bundle, image, source, watch=True)
    assert isinstance(events[0], Started)
    assert events[0].source.description == "waves, sampled by the board"
    assert scores(events) == streamed and list(streamed) == list(range(WINDOWS))
    taken = [e for e in events if isinstance(e, SamplesSent)]
    assert np.array_equal(np.concatenate([e.counts for e in taken]), source.counts)
    seen = 0
    for event in events:  # a window's samples come before its score, so that it can be drawn
        if isinstance(event, SamplesSent):
            seen = event.first_frame + len(event.counts)
        if isinstance(event, WindowScored):
            assert event.first_frame + WINDOW <= seen
            assert event.label == int(event.index % 3 == 2)
            assert event.reconstruction is not None
            counts = source.take(event.first_frame, WINDOW)
            error = (event.reconstruction - counts) / 1000
            assert np.mean(error**2) == pytest.approx(event.score, rel=0.2, abs=1e-3)


def test_while_the_leads_are_off_there_is_no_score(
    bundle: Bundle, image: Path, streamed: dict[int, np.float32]
) -> None:
    events = sampled(bundle, image, recording_of(bundle, OFF))
    whole = {k: score for k, score in streamed.items() if k not in (10, 11, 12)}
    assert scores(events) == whole
    lost = [e for e in events if isinstance(e, WindowsLost)]
    assert sorted(k for e in lost for k in range(e.first, e.first + e.count)) == [10, 11, 12]
    assert {e.reason for e in lost} == {"lead_off"}
    gone = [e for e in events if isinstance(e, SamplesLost)]
    assert [f for e in gone for f in range(e.first_frame, e.first_frame + e.count)] == list(OFF)


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".hea"])
def test_a_recording_replays_bit_for_bit(
    bundle: Bundle, image: Path, streamed: dict[int, np.float32], tmp_path: Path, suffix: str
) -> None:
    source = saved(recording_of(bundle, OFF), tmp_path / "played.npz")
    path = (tmp_path / "run").with_suffix(suffix)
    settings = MonitorSettings(
        bundle.path,
        (Emulated(image),),
        BoardSensor(File(source), SPEED),
        "plain",
        recording=RecordingOptions(path),
    )
    out = io.StringIO()
    (summary,) = run(settings, out)
    assert summary.complete and (summary.windows, summary.lost) == (WINDOWS - 3, 3)
    assert summary.samples_lost == len(OFF)
    assert summary.labelled == WINDOWS - 3 and summary.source is not None
    assert f"{len(OFF)} samples missing" in out.getvalue() and "lead_off" in out.getvalue()

    recorded = read_scores(path)
    by_index = dict(zip(recorded.windows.tolist(), recorded.scores, strict=True))
    assert by_index == {k: score for k, score in streamed.items() if k not in (10, 11, 12)}
    read = of_file(recorded.samples, bundle)
    assert read.missing is not None and np.flatnonzero(read.missing).tolist() == list(OFF)
    there = ~read.missing
    assert np.array_equal(read.counts[there], recording_of(bundle).counts[there])
    for target in (InProcess(), Emulated(image)):
        (again,) = run(
            MonitorSettings(bundle.path, (target,), Replay(recorded), "plain"), out := io.StringIO()
        )
        assert f"{WINDOWS - 3} of {WINDOWS - 3} windows scored as recorded" in out.getvalue()
        assert again.lost == 3  # the gap is passed over here as it was there


def test_a_line_with_faults_changes_no_score(
    bundle: Bundle, image: Path, streamed: dict[int, np.float32]
) -> None:
    events = sampled(
        bundle, image, recording_of(bundle), faults=FaultConfig(rate=0.03, seed=5, delay=0.01)
    )
    by_index = scores(events)
    assert all(streamed[k] == score for k, score in by_index.items())
    lost = [
        k for e in events if isinstance(e, WindowsLost) for k in range(e.first, e.first + e.count)
    ]
    assert sorted([*by_index, *lost]) == list(range(WINDOWS))
    assert len(by_index) > WINDOWS // 2


def test_json_and_the_same_by_command(bundle: Bundle, image: Path, tmp_path: Path) -> None:
    source = saved(recording_of(bundle, OFF), tmp_path / "played.npz")
    out = io.StringIO()
    run(
        MonitorSettings(
            bundle.path,
            (Emulated(image),),
            BoardSensor(File(source), SPEED),
            "json",
            windows=20,
            threshold=1e-6,
        ),
        out,
    )
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    kinds = [event["event"] for event in events]
    assert "samples_lost" in kinds and kinds[-2:] == ["ended", "summary"]
    assert events[-1]["windows"] >= 17 and events[-1]["samples_lost"] == len(OFF)
    late = [e for e in events if e["event"] == "scored" and e["index"] > 5]
    assert all(e["flag"] and e["threshold"] == pytest.approx(1e-6) for e in late)


def test_keys_of_a_board_that_samples_itself(bundle: Bundle, image: Path) -> None:
    """There is no pause; a reset begins again at frame 0."""
    controls, events = Controls(), []
    with open_sensor_board(bundle, recording_of(bundle), Emulated(image), speed=SPEED) as board:

        def emit(event: Event) -> None:
            events.append(event)
            scored = [e for e in events if isinstance(e, WindowScored)]
            if isinstance(event, WindowScored) and len(scored) == 5:
                for command in (SetPaused(), SetThreshold(0.5), Reset()):
                    controls.ask(command)
            if isinstance(event, WindowScored) and event.index == 20:
                controls.quit("seen enough")

        Stream(board, board.source, controls, emit).run()
    assert any(isinstance(e, Notice) and "cannot pause" in e.text for e in events)
    indices = [e.index for e in events if isinstance(e, WindowScored)]
    assert indices.count(0) == 2 and indices[-1] >= 20


def test_a_board_that_is_reset_goes_on_at_a_later_index(bundle: Bundle, image: Path) -> None:
    """No window is left out, and none comes twice."""
    source = recording_of(bundle)
    events: list[Event] = []
    with (
        EmulatedBoard(image, adc=AdcRecording(source.counts, None, 1)) as board,
        open_sensor_board(bundle, None, Port(board.port)) as sampling,
    ):
        controls = Controls()

        def emit(event: Event) -> None:
            events.append(event)
            if isinstance(event, WindowScored) and event.index == 3:
                board.reset()
            if isinstance(event, WindowScored) and event.index >= 14:
                controls.quit("seen enough")

        Stream(sampling, sampling.source, controls, emit).run()
    assert isinstance(events[0], Started)
    assert events[0].source.name == "recording" and not events[0].source.labelled
    indices = [
        k
        for e in events
        if isinstance(e, WindowScored | WindowsLost)
        for k in ([e.index] if isinstance(e, WindowScored) else range(e.first, e.first + e.count))
    ]
    assert indices == list(range(len(indices)))
    assert any(isinstance(e, Notice) and "was reset" in e.text for e in events)
    assert any(isinstance(e, WindowsLost) for e in events)


def test_without_a_sensor_it_is_one_clear_line(bundle: Bundle, image: Path) -> None:
    with EmulatedBoard(image) as board:
        port = Port(board.port)
        settings = MonitorSettings(bundle.path, (port,), BoardSensor(), "plain")
        with pytest.raises(LinkError, match=r"reads no sensor of its own: .*--sensor"):
            run(settings, io.StringIO())
        with pytest.raises(DataError, match="leave the speed out"):
            MonitorSettings(bundle.path, (port,), BoardSensor(speed=2), "plain")
    for speed in (0.5, 0, 1e6):
        with pytest.raises(DataError, match="whole multiples"):
            BoardSensor(speed=speed)


def test_a_clean_line_resends_nothing(bundle: Bundle, image: Path) -> None:
    """Watched windows, streamed as fast as it goes, then sampled: both ends send all once."""
    source = recording_of(bundle)
    with (
        EmulatedBoard(image, adc=AdcRecording(source.counts, None, SPEED)) as board,
        Session.open(board.port) as session,
    ):
        session.watch(input=True, output=True)
        session.start(7)
        for _ in range(10):
            for _ in session.stream(source.counts):
                pass
        streamed = session.statistics()
        assert (streamed.windows, streamed.resent) == (10 * WINDOWS, 0)
        session.start_sampling(8)
        until = time.monotonic() + PATIENCE
        while session.next_window < WINDOWS and time.monotonic() < until:
            session.poll(0.1)
        after = session.statistics()
        assert (after.windows, after.resent, after.lost) == (11 * WINDOWS, 0, 0)
        assert session.counters.repeated == 0


@pytest.fixture
def terminal(bundle: Bundle, image: Path) -> Iterator[BoardText]:
    """A person's terminal on a board that has a recording to sample."""
    with (
        EmulatedBoard(image, adc=AdcRecording(recording_of(bundle).counts, None, SPEED)) as board,
        BoardText(board.port, timeout=PATIENCE) as port,
    ):
        port.read_until(b"waiting for a host: vigil monitor")
        yield port


def test_text_mode(terminal: BoardText, streamed: dict[int, np.float32], bundle: Bundle):
    """What a plotter reads are the scores, until a host says hello."""
    terminal.read_until(b"\n")
    terminal.write(b"t\n")
    lines = [terminal.readline().decode().strip() for _ in range(20)]
    threshold = np.float32(bundle.manifest.threshold.value)
    for index, line in enumerate(lines):
        values = dict(part.split(":") for part in line.split(","))
        assert list(values) == ["score", "threshold", "flag"]
        assert float(values["score"]) == pytest.approx(streamed[index], rel=1e-3, abs=5e-5)
        assert float(values["threshold"]) == pytest.approx(threshold, rel=1e-3, abs=5e-5)
        assert values["flag"] == str(int(streamed[index] > threshold))
    terminal.write(b"t\n")
    terminal.timeout = 1
    while terminal.readline().startswith(b"score"):
        pass  # what was on its way
    terminal.write(b">\r\n")
    terminal.timeout = PATIENCE
    # A greeting may have begun before it.
    first = next(line for line in iter(terminal.readline, b"") if line.startswith(b">"))
    assert first.startswith(b">score:")
    assert terminal.readline().startswith(b">threshold:")
    assert terminal.readline().strip() in (b">flag:0", b">flag:1")
    path = str(terminal.port)
    terminal.close()
    with Session.open(path) as session:
        session.start(9)
        events = list(session.stream(recording_of(bundle).counts))
        assert len([e for e in events if hasattr(e, "score")]) == WINDOWS
        assert session.counters.corrupt == 0


def test_text_mode_without_a_sensor_says_so(image: Path) -> None:
    with EmulatedBoard(image) as board, BoardText(board.port, timeout=PATIENCE) as port:
        port.read_until(b"waiting for a host: vigil monitor")
        port.write(b"t\n")
        assert b"reads no sensor: vigil flash --sensor" in port.read_until(b"--sensor")


def test_a_sensor_that_is_too_fast_loses_nothing_in_silence(
    bundle: Bundle, image: Path, streamed: dict[int, np.float32]
) -> None:
    """20,000 samples a second fill the ring again and again; what is not there is said."""
    source = recording_of(bundle)
    played = np.tile(source.counts, (20, 1))
    with (
        EmulatedBoard(image, adc=AdcRecording(played, None, 200)) as board,
        open_sensor_board(bundle, None, Port(board.port)) as sampling,
    ):
        events: list[Event] = []
        Stream(sampling, sampling.source, Controls(), events.append).run()
        state = sampling._state  # as last heard, after the end
    assert state.overruns > 1000 and state.taken + state.overruns == len(played)
    by_index = scores(events)
    assert len(by_index) > 20
    assert all(streamed[k % WINDOWS] == score for k, score in by_index.items())
    lost = [
        k for e in events if isinstance(e, WindowsLost) for k in range(e.first, e.first + e.count)
    ]
    assert sorted([*by_index, *lost]) == list(range(len(by_index) + len(lost)))
    assert {e.reason for e in events if isinstance(e, WindowsLost)} == {"overrun"}
    taken = sum(len(e.counts) for e in events if isinstance(e, SamplesSent))
    missing = sum(e.count for e in events if isinstance(e, SamplesLost))
    assert taken == state.taken and 0 <= state.overruns - missing < WINDOW
