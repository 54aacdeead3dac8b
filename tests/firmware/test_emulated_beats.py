"""Windows about heartbeats on the emulated board: equal to the host's, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.ecg import ecg, regular_peaks
from tests.support.images import emulated_image
from tools.boards.emulated import EmulatedBoard
from tools.link.events import Lost, Scored
from tools.link.messages import LostReason
from tools.link.session import Session
from tools.measure.bench.small_bundle import small_bundle
from tools.monitor.boards.in_process import InProcessBoard
from tools.monitor.events import WindowScored, WindowsLost
from training.beats import beats_at
from training.bundle import Bundle, write_bundle
from training.bundle.manifest import Biquads
from training.filters import design
from training.resampling import at_rate

RATE, WINDOW, BEFORE = 180.0, 144, 54


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return beat_bundle(tmp_path_factory.mktemp("beats") / "beats")


def beat_bundle(path: Path) -> Bundle:
    return small_bundle(path, window=WINDOW, segmenter=beats_at(RATE, WINDOW, BEFORE), rate_hz=RATE)


def signal(seconds: int) -> np.ndarray:
    return ecg(regular_peaks(RATE, seconds), RATE, int(seconds * RATE))[:, None]


def on_host(bundle: Bundle, frames: np.ndarray) -> list[tuple]:
    board = InProcessBoard(bundle)
    board.restart()
    board.send(0, frames)
    return [
        (e.index, e.peak, e.interval, np.float32(e.score).tobytes())
        for e in board.receive(0)
        if isinstance(e, WindowScored)
    ]


def scored(bundle: Bundle, events: list) -> list[tuple]:
    hop = bundle.manifest.grid.hop
    return [
        (e.window, e.window * hop + e.peak, e.interval, np.float32(e.score).tobytes())
        for e in events
        if isinstance(e, Scored)
    ]


@pytest.mark.toolchain
def test_beats_on_the_board_equal_those_on_the_host(bundle: Bundle, tmp_path: Path) -> None:
    frames = signal(60)
    with EmulatedBoard(emulated_image(bundle, tmp_path)) as board, Session.open(board.port) as s:
        assert s.boot.golden_passed == s.boot.golden_total > 0
        assert (s.board.window, s.board.hop) == (bundle.manifest.segmenter.span, 42)
        s.start(77)
        events = list(s.stream(frames))
        expected = on_host(bundle, frames)
        assert scored(bundle, events) == expected
        assert len(expected) > 50
        lost = [e for e in events if isinstance(e, Lost)]
        assert {e.reason for e in lost} == {LostReason.NO_BEAT}
        # Each slot is reported once.
        reported = sum(e.count for e in lost) + len(expected)
        assert reported == (len(frames) - bundle.manifest.segmenter.span) // 42 + 1


@pytest.mark.toolchain
@pytest.mark.parametrize("kind", ["beats", "fixed"])
def test_filtered_windows_on_the_board_equal_those_on_the_host(tmp_path: Path, kind: str) -> None:
    bundle = small_bundle(
        tmp_path / "filtered",
        window=WINDOW,
        hop=48,
        segmenter=beats_at(RATE, WINDOW, BEFORE) if kind == "beats" else None,
        filter=Biquads(kind="biquads", sections=design(RATE, 0.5, 40, (50,)), delay=1.0),
        rate_hz=RATE,
        channels=2,
    )
    frames = np.concatenate([signal(40), signal(40) + 900], axis=1)
    with EmulatedBoard(emulated_image(bundle, tmp_path)) as board, Session.open(board.port) as s:
        assert s.boot.golden_passed == s.boot.golden_total > 0
        s.start(81)
        events = list(s.stream(frames[:3000]))
        s.skip(200)
        events += list(s.stream(frames[3200:]))
    host = InProcessBoard(bundle)
    host.send(0, frames[:3000])
    host.skip(3000, 200)
    host.send(3200, frames[3200:])
    expected = [
        (e.index, e.interval, np.float32(e.score).tobytes())
        for e in host.receive(0)
        if isinstance(e, WindowScored)
    ]
    assert len(expected) > 20
    assert expected == [
        (e.window, e.interval, np.float32(e.score).tobytes())
        for e in events
        if isinstance(e, Scored)
    ]


@pytest.mark.toolchain
@pytest.mark.parametrize(("rate", "filtered"), [(128, False), (250, True), (512, False)])
def test_a_sensor_of_another_rate(tmp_path: Path, rate: int, filtered: bool) -> None:
    bundle = at(
        small_bundle(
            tmp_path / "model",
            window=WINDOW,
            segmenter=beats_at(RATE, WINDOW, BEFORE),
            filter=Biquads(kind="biquads", sections=design(RATE, 0.5), delay=1.0)
            if filtered
            else None,
            rate_hz=RATE,
        ),
        rate,
    )
    peaks = regular_peaks(rate, 40)
    frames = ecg(peaks, rate, int(40 * rate))[:, None]
    with EmulatedBoard(emulated_image(bundle, tmp_path)) as board, Session.open(board.port) as s:
        assert s.boot.golden_passed == s.boot.golden_total > 0
        assert (s.board.rate, s.board.hop) == (rate, bundle.manifest.grid.hop)
        s.watch(output=filtered, sizes=(WINDOW, WINDOW))  # then one report is kept at a time
        s.start(82)
        events = list(s.stream(frames[: 20 * rate]))
        s.skip(333)
        events += list(s.stream(frames[20 * rate + 333 :]))
    host = InProcessBoard(bundle)
    host.send(0, frames[:2048])
    host.send(2048, frames[2048 : 20 * rate])
    host.skip(20 * rate, 333)
    host.send(20 * rate + 333, frames[20 * rate + 333 :])
    on_host = host.receive(0)
    expected = [
        (e.index, e.peak, e.interval, np.float32(e.score).tobytes())
        for e in on_host
        if isinstance(e, WindowScored)
    ]
    assert scored(bundle, events) == expected
    assert len(expected) > 20
    # R and RR are in the sensor's own samples.
    found = np.array([peak for _, peak, *_ in expected])
    assert np.abs(found[:, None] - peaks).min(axis=1).max() <= 0.02 * rate
    assert gaps(events, Lost) == gaps(on_host, WindowsLost)
    # Each slot is reported once, at its time: the link takes no sample too many or too few.
    reported = sum(e.count for e in events if isinstance(e, Lost)) + len(expected)
    grid = bundle.manifest.grid
    assert reported == (len(frames) - grid.span) // grid.hop + 1
    assert {e.reason for e in events if isinstance(e, Lost)} == {LostReason.NO_BEAT, LostReason.GAP}


def gaps(events: list, kind: type) -> list[tuple[int, int]]:
    return [
        (e.first, e.count)
        for e in events
        if isinstance(e, kind) and getattr(e.reason, "name", e.reason).lower() == "gap"
    ]


@pytest.mark.toolchain
def test_windows_of_fixed_length_at_another_rate(tmp_path: Path) -> None:
    bundle = at(small_bundle(tmp_path / "model", window=64, hop=36, channels=2, rate_hz=RATE), 250)
    frames = np.random.default_rng(1).integers(-3000, 3000, (6000, 2)).astype(np.int16)
    with EmulatedBoard(emulated_image(bundle, tmp_path)) as board, Session.open(board.port) as s:
        s.start(83)
        events = list(s.stream(frames[:2000]))
        s.skip(7)
        events += list(s.stream(frames[2007:]))
    host = InProcessBoard(bundle)
    host.send(0, frames[:2000])
    host.skip(2000, 7)
    host.send(2007, frames[2007:])
    on_host = host.receive(0)
    expected = [
        (e.index, e.first_frame, np.float32(e.score).tobytes())
        for e in on_host
        if isinstance(e, WindowScored)
    ]
    assert bundle.manifest.grid.hop == 50
    assert expected == [
        (e.window, e.window * 50, np.float32(e.score).tobytes())
        for e in events
        if isinstance(e, Scored)
    ]
    assert gaps(events, Lost) == gaps(on_host, WindowsLost) != []
    assert expected[-1][0] == (6000 - bundle.manifest.grid.span) // 50


def at(bundle: Bundle, rate: float) -> Bundle:
    folder = bundle.path.with_name("converted")
    golden = (bundle.path / "golden.npz").read_bytes()
    return write_bundle(folder, at_rate(bundle.manifest, rate), bundle.model, golden)


@pytest.mark.toolchain
def test_watched_beats_carry_their_bytes(bundle: Bundle, tmp_path: Path) -> None:
    frames = signal(20)
    with EmulatedBoard(emulated_image(bundle, tmp_path)) as board, Session.open(board.port) as s:
        s.watch(input=True, output=True, sizes=(WINDOW, WINDOW))
        s.start(78)
        events = [e for e in s.stream(frames) if isinstance(e, Scored)]
    assert len(events) > 8
    assert {len(e.output) for e in events} == {WINDOW}


@pytest.mark.toolchain
def test_an_interrupted_session_loses_no_beat(bundle: Bundle, tmp_path: Path) -> None:
    frames = signal(60)
    with EmulatedBoard(emulated_image(bundle, tmp_path)) as board:
        with Session.open(board.port) as s:
            s.start(79)
            s.offer(frames[:5000])
            events = []
            while len(scored(bundle, events)) < 10:
                events += s.poll(1.0)
        with Session.open(board.port) as s:
            first = s.start(79)
            assert 0 < first <= 5000
            events += list(s.stream(frames[first:]))
    # Reports that the first session had not acknowledged come again.
    assert sorted(set(scored(bundle, events))) == on_host(bundle, frames)


@pytest.mark.toolchain
def test_sample_indices_beyond_two_to_the_31(bundle: Bundle, tmp_path: Path) -> None:
    frames, start = signal(30), 42 << 28
    with EmulatedBoard(emulated_image(bundle, tmp_path)) as board, Session.open(board.port) as s:
        assert s.start(80, start) == start
        events = list(s.stream(frames))
    expected = on_host(bundle, frames)
    assert len(expected) > 20
    assert scored(bundle, events) == [
        (index + start // 42, peak + start, *rest) for index, peak, *rest in expected
    ]
