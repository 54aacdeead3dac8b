"""The wearer on the emulated board: learned, judged and forgotten as on the host, bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.support.ecg import ecg, regular_peaks, worn_bundle
from tests.support.images import emulated_image
from tools.boards.emulated import EmulatedBoard
from tools.link.events import Event, Lost, Scored
from tools.link.messages import (
    LostReason,
    WearerAction,
    WearerPhase,
    WearerReport,
    WearerRequest,
    WearerStorage,
)
from tools.link.session import Session
from tools.measure.bench.small_bundle import small_bundle
from tools.monitor.boards.in_process import InProcessBoard
from tools.monitor.events import WindowNotJudged, WindowScored
from training.beats import beats_at
from training.bundle import Bundle
from training.bundle.chain import wearer_of
from training.bundle.errors import LinkError
from training.bundle.manifest import Wearer
from training.bundle.reference import compute
from training.bundle.segment import segmenter_of
from training.native import Wearer as NativeWearer

RATE, WINDOW, BEFORE, LEARN = 180.0, 144, 54, 24


@pytest.mark.toolchain
@pytest.mark.parametrize("score", ["template", "both"])
def test_personal_scores_of_the_board_equal_the_hosts(tmp_path: Path, score: str) -> None:
    wearer = Wearer(score=score, first=40, length=72, shift=4, learn=LEARN)
    bundle = small_bundle(
        tmp_path / "ecg",
        window=WINDOW,
        segmenter=beats_at(RATE, WINDOW, BEFORE),
        rate_hz=RATE,
        wearer=wearer,
    )
    frames = ecg(regular_peaks(RATE, 60), RATE, int(60 * RATE))[:, None]
    board = InProcessBoard(bundle)
    board.restart()
    board.send(0, frames)
    events = board.receive(0)
    expected = [np.float32(e.score).tobytes() for e in events if isinstance(e, WindowScored)]
    learning = [(e.index, e.peak, e.interval) for e in events if isinstance(e, WindowNotJudged)]
    hop = bundle.manifest.segmenter.hop
    assert len(learning) == LEARN and len(expected) > 25
    with EmulatedBoard(emulated_image(bundle, tmp_path)) as emulated:
        for stream in (77, 78):  # a new stream is another wearer
            with Session.open(emulated.port) as session:
                session.start(stream)
                seen = list(session.stream(frames))
            assert [
                np.float32(e.score).tobytes() for e in seen if isinstance(e, Scored)
            ] == expected
            lost = [e for e in seen if isinstance(e, Lost) and e.reason == LostReason.LEARNING]
            # A beat that is not judged has an R and an interval too.
            assert [(e.first, e.first * hop + e.peak, e.interval) for e in lost] == learning


PAGE, HEADER = 4096, 5  # bytes of a page; words of a record before the wearer's own
SLOTS = 2 * PAGE, 4 * PAGE  # of the wearer, in the flash
THRESHOLD = 2.0


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return worn_bundle(tmp_path_factory.mktemp("build") / "ecg", LEARN)


@pytest.fixture(scope="module")
def image(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emulated_image(bundle, tmp_path_factory.mktemp("ecg"))


@contextmanager
def power(image: Path, flash: Path) -> Iterator[Session]:
    """A board from its start until its power is cut."""
    with EmulatedBoard(image, flash=flash) as board, Session.open(board.port) as session:
        session.set_threshold(THRESHOLD)
        yield session
        board.kill()


def heart(seconds: float, odd: slice = slice(0, 0)) -> np.ndarray:
    """An ECG, some of whose beats are upside down."""
    peaks = regular_peaks(RATE, seconds)
    counts = ecg(peaks, RATE, int(seconds * RATE))
    for peak in peaks[odd]:
        counts[peak - 14 : peak + 40] *= -1
    return counts[:, None]


def twin(bundle: Bundle, frames: np.ndarray, wearer: NativeWearer) -> np.ndarray:
    """The host's scores of a recording's judged beats."""
    cut = segmenter_of(bundle.manifest).push(0, frames)
    errors = compute(bundle, cut.counts).score
    assert errors is not None
    windows = cut.index.astype(np.uint64)
    scores = wearer.judge(cut.counts, cut.interval, errors, THRESHOLD, windows=windows)
    return scores[~np.isnan(scores)]


def states(bundle: Bundle, frames: np.ndarray, beats: range) -> list[bytes]:
    """What the host's wearer knows after each of these numbers of beats."""
    cut = segmenter_of(bundle.manifest).push(0, frames)
    wearer, nothing = wearer_of(bundle.manifest), np.zeros(1, np.float32)
    assert wearer is not None
    known = []
    for k in range(beats.stop):
        if k in beats:
            known.append(wearer.memory)
        at = slice(k, k + 1)
        wearer.judge(cut.counts[at], cut.interval[at], nothing, THRESHOLD)
    return known


def scores_of(events: list[Event]) -> np.ndarray:
    return np.array([e.score for e in events if isinstance(e, Scored)], np.float32)


def learning(events: list[Event]) -> int:
    return sum(e.count for e in events if isinstance(e, Lost) and e.reason == LostReason.LEARNING)


def until_saved(session: Session) -> WearerReport:
    report = session.wearer()
    while report.memory == WearerStorage.SAVING:
        report = session.wearer()
    return report


def records(flash: Path) -> list[bytes]:
    """The wearers in both slots, the newer first."""
    content = flash.read_bytes()
    words = [np.frombuffer(content[at : at + 2 * PAGE], "<u4") for at in SLOTS]
    words.sort(key=lambda slot: -int(slot[1]) if slot[0] != 0xFFFFFFFF else 1)
    return [slot[HEADER:].tobytes() for slot in words]


def test_a_wearer_outlives_the_power_and_equals_the_hosts(bundle, image, tmp_path):
    flash, frames = tmp_path / "flash", heart(60)
    host = wearer_of(bundle.manifest)
    expected = twin(bundle, frames, host)
    with power(image, flash) as session:
        assert session.wearer().phase == WearerPhase.LEARNING
        session.start(7)
        third = len(frames) // 3
        assert 10 < learning(list(session.stream(frames[:third]))) == session.wearer().beats < LEARN
    # Switched off in calibration: learned anew, because nothing was kept.
    with power(image, flash) as session:
        assert session.wearer().beats == 0
        session.start(7)
        events = list(session.stream(frames))
        np.testing.assert_array_equal(scores_of(events), expected)
        report = until_saved(session)
        assert (report.phase, report.memory) == (WearerPhase.LEARNED, WearerStorage.KEPT)
        assert (report.beats, report.learn, report.forms) == (LEARN, LEARN, 1)
        assert 2 ** (report.interval / 65536) == pytest.approx(host.interval, rel=1e-4)
    # It was written once, at the end of learning: a beat or two may pass while it is erased.
    saved, empty = records(flash)
    assert saved[: len(host.memory)] in states(bundle, frames, range(LEARN, LEARN + 3))
    assert set(empty) == {0xFF}
    with power(image, flash) as session:
        assert session.wearer().phase == WearerPhase.LEARNED
        session.start(7, 2 * len(frames))  # the stream continues
        more = list(session.stream(frames))
        assert learning(more) == 0
        assert (scores_of(more) < THRESHOLD).all()
    with power(image, flash) as session:
        session.start(8)  # another stream is another wearer
        assert learning(list(session.stream(frames))) == LEARN


def test_a_beat_that_was_normal_is_accepted_for_good(bundle, image, tmp_path):
    flash, frames = tmp_path / "flash", heart(60, slice(-5, None))
    host = wearer_of(bundle.manifest)
    expected = twin(bundle, frames, host)
    with power(image, flash) as session:
        session.start(7)
        events = list(session.stream(frames))
        np.testing.assert_array_equal(scores_of(events), expected)
        flagged = [e.window for e in events if isinstance(e, Scored) and e.anomaly]
        assert len(flagged) >= 4
        usual = next(e.window for e in events if isinstance(e, Scored) and not e.anomaly)
        for window in (usual, flagged[-1] + 1000):
            with pytest.raises(LinkError, match="flagged beats, and this is none of them"):
                session.wearer(WearerRequest(WearerAction.ACCEPT, window=window))
        report = session.wearer(WearerRequest(WearerAction.ACCEPT, window=flagged[-1]))
        assert host.accept(flagged[-1])
        assert (report.forms, report.accepted) == (2, 1) == (host.form_count, host.accepted)
        assert until_saved(session).memory == WearerStorage.KEPT
    assert records(flash)[0][: len(host.memory)] == host.memory
    with power(image, flash) as session:
        assert session.wearer().accepted == 1
        session.start(7, 2 * len(frames))
        again = scores_of(list(session.stream(heart(20, slice(5, 8)))))
        assert (again < THRESHOLD).all() and len(again) > 8


def test_samples_beyond_2_31_are_judged_and_accepted_as_those_at_the_start(bundle, image, tmp_path):
    first = 1 << 33  # window; the sample index is beyond 2^38
    frames = heart(60, slice(-5, None))
    host = wearer_of(bundle.manifest)
    expected = twin(bundle, frames, host)
    with power(image, tmp_path / "flash") as session:
        session.start(7, first * bundle.manifest.grid.hop)
        events = list(session.stream(frames))
        np.testing.assert_array_equal(scores_of(events), expected)
        flagged = [e.window for e in events if isinstance(e, Scored) and e.anomaly]
        session.wearer(WearerRequest(WearerAction.ACCEPT, window=flagged[-1]))
        assert host.accept(flagged[-1] - first)
        assert until_saved(session).accepted == host.accepted == 1
    assert records(tmp_path / "flash")[0][: len(host.memory)] == host.memory


def test_a_new_wearer_is_learned_anew_and_the_old_one_does_not_return(bundle, image, tmp_path):
    flash, frames = tmp_path / "flash", heart(40)
    with power(image, flash) as session:
        session.start(7)
        list(session.stream(frames))
        assert until_saved(session).memory == WearerStorage.KEPT
        renew = WearerRequest(WearerAction.RENEW, number=5)
        for _ in range(2):  # repeated
            report = session.wearer(renew)
            assert (report.phase, report.beats, report.number) == (WearerPhase.LEARNING, 0, 5)
        assert until_saved(session).memory == WearerStorage.NONE
    with power(image, flash) as session:
        report = session.wearer()
        assert (report.phase, report.memory) == (WearerPhase.LEARNING, WearerStorage.NONE)


def test_the_wearer_of_an_earlier_stream_does_not_return(bundle, image, tmp_path):
    flash, frames = tmp_path / "flash", heart(40)
    with power(image, flash) as session:
        session.start(7)
        list(session.stream(frames))
        assert until_saved(session).memory == WearerStorage.KEPT
    part = frames[: len(frames) // 4]
    with power(image, flash) as session:
        session.start(8)
        assert 0 < learning(list(session.stream(part))) < LEARN
        assert until_saved(session).memory == WearerStorage.NONE
    with power(image, flash) as session:
        session.start(8, len(part))  # the new person's stream continues
        assert session.wearer().phase == WearerPhase.LEARNING


def test_an_image_without_a_wearer_says_so(tmp_path):
    plain = small_bundle(tmp_path / "plain")
    with (
        EmulatedBoard(emulated_image(plain, tmp_path)) as board,
        Session.open(board.port) as session,
        pytest.raises(LinkError, match="has no wearer"),
    ):
        session.wearer()


def test_noise_teaches_no_wearer_and_the_board_says_so(bundle, image, tmp_path):
    rng = np.random.default_rng(1)
    noise = (200 * rng.standard_normal((int(40 * RATE), 1))).astype(np.int16)
    frames = np.concatenate([noise, heart(60)])
    expected = twin(bundle, frames, wearer_of(bundle.manifest))
    assert len(expected) > 10
    with power(image, tmp_path / "flash") as session:
        session.start(7)
        events = list(session.stream(frames[: len(noise)]))
        assert len(scores_of(events)) == 0 and learning(events) > LEARN
        assert session.wearer().phase == WearerPhase.RELEARNING
        events = list(session.stream(frames[len(noise) :]))
        np.testing.assert_array_equal(scores_of(events), expected)
        assert session.wearer().phase == WearerPhase.LEARNED
