"""The emulated board chooses its own threshold, and keeps it when its power is cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.support.images import emulated_image
from tools.boards.emulated import EmulatedBoard
from tools.link import messages as m
from tools.link.events import Scored
from tools.link.messages import CalibrateAction, CalibrationState, ThresholdSource
from tools.link.session import Session
from tools.measure.bench.small_bundle import small_bundle
from training.bundle import Bundle
from training.bundle.errors import LinkError
from training.bundle.reference import compute
from training.native import Calibration

pytestmark = pytest.mark.toolchain

ASK = m.Calibrate(CalibrateAction.ASK)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("build") / "waves")


@pytest.fixture(scope="module")
def image(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emulated_image(bundle, tmp_path_factory.mktemp("waves"))


@contextmanager
def power(image: Path, flash: Path) -> Iterator[Session]:
    """A board from its start until its power is cut."""
    with EmulatedBoard(image, flash=flash) as board, Session.open(board.port) as session:
        yield session
        board.kill()


def start(number: int, windows: int) -> m.Calibrate:
    return m.Calibrate(CalibrateAction.START, number, windows, 50_000, 20_000)


def stream(session: Session, counts: np.ndarray) -> list[Scored]:
    events = session.stream(counts.reshape(-1, counts.shape[-1]))
    return [event for event in events if isinstance(event, Scored)]


def test_the_boards_threshold_is_the_hosts_and_outlives_the_power(bundle, image, tmp_path):
    counts = bundle.evaluation()["counts"]
    flash = tmp_path / "flash"
    with power(image, flash) as session:
        assert session.calibrate(ASK).source == ThresholdSource.BUNDLE
        session.start(1)
        session.calibrate(start(1, 60))
        scores = [event.score for event in stream(session, counts[:60])]
        kept = session.calibrate(ASK)
    twin = Calibration(60, 50_000, 20_000)
    judged = compute(bundle, counts[:60]).score
    assert judged is not None and scores == judged.tolist()
    twin.push(judged)
    assert (kept.threshold, kept.set_aside) == (twin.threshold, twin.set_aside)
    assert kept.state == CalibrationState.KEPT and kept.window == 60

    with power(image, flash) as session:
        report = session.calibrate(ASK)
        assert session.board.threshold == report.threshold == kept.threshold
        assert (report.state, report.source) == (
            CalibrationState.KEPT,
            ThresholdSource.CALIBRATION,
        )
        assert (report.windows, report.rate, report.tolerated) == (60, 50_000, 20_000)
        session.start(2)
        flags = [event.anomaly for event in stream(session, counts[:60])]
        assert flags == [score > kept.threshold for score in scores]
        # Cut in the middle of another calibration: the earlier one counts.
        session.calibrate(start(2, 50))
        stream(session, counts[60:100])
        assert session.calibrate(ASK).taken == 40
    with power(image, flash) as session:
        report = session.calibrate(ASK)
        assert (report.state, report.threshold) == (CalibrationState.KEPT, kept.threshold)
        session.calibrate(m.Calibrate(CalibrateAction.FORGET))
    with power(image, flash) as session:
        report = session.calibrate(ASK)
        assert (report.state, report.source) == (CalibrationState.NONE, ThresholdSource.BUNDLE)
        assert report.threshold == np.float32(bundle.manifest.threshold.value)


def test_figures_are_those_of_the_present_calibration(bundle, image, tmp_path):
    counts = bundle.evaluation()["counts"][:60].copy()
    counts[7] = -counts[7, ::-1] * 2  # abnormal
    flash = tmp_path / "flash"

    def figures(session: Session, message: m.Calibrate) -> tuple[int, ...]:
        report = session.calibrate(message)
        return report.windows, report.taken, report.set_aside, report.rate, report.tolerated

    with power(image, flash) as session:
        session.start(1)
        session.calibrate(start(1, 60))
        stream(session, counts)
        assert figures(session, ASK) == (60, 60, 1, 50_000, 20_000)
        assert figures(session, start(2, 50)) == (50, 0, 0, 50_000, 20_000)
        assert figures(session, m.Calibrate(CalibrateAction.STOP)) == (60, 60, 1, 50_000, 20_000)
        assert figures(session, m.Calibrate(CalibrateAction.FORGET)) == (0, 0, 0, 0, 0)
    with power(image, flash) as session:
        assert figures(session, ASK) == (0, 0, 0, 0, 0)


def test_a_refused_plan_changes_nothing(bundle, image, tmp_path):
    counts = bundle.evaluation()["counts"]
    with power(image, tmp_path / "flash") as session:
        session.start(1)
        session.calibrate(start(1, 40))
        stream(session, counts[:20])
        with pytest.raises(LinkError, match="CALIBRATE"):
            session.calibrate(start(2, 5000))
        report = session.calibrate(ASK)
        assert (report.state, report.number) == (CalibrationState.RUNNING, 1)
        assert (report.windows, report.taken) == (40, 20)
        stream(session, counts[20:40])
        assert session.calibrate(ASK).state == CalibrationState.KEPT


def test_a_flash_without_a_file_lives_as_long_as_the_board(bundle, image, tmp_path):
    board = EmulatedBoard(image)
    reports = []
    for _ in range(2):
        board.start()
        with Session.open(board.port) as session:
            reports.append(session.calibrate(ASK))
            session.start(1)
            session.calibrate(start(1, 20))
            stream(session, bundle.evaluation()["counts"][:20])
        board.kill()
    assert [report.state for report in reports] == [CalibrationState.NONE, CalibrationState.KEPT]
    with EmulatedBoard(image) as other, Session.open(other.port) as session:
        assert session.calibrate(ASK).state == CalibrationState.NONE
    # Two boards of one file: the second has a copy, and leaves the file alone.
    flash = tmp_path / "flash"
    with (
        EmulatedBoard(image, flash=flash),
        EmulatedBoard(image, flash=flash) as second,
        Session.open(second.port) as session,
    ):
        session.start(1)
        session.calibrate(start(1, 20))
        stream(session, bundle.evaluation()["counts"][:20])
        assert session.calibrate(ASK).state == CalibrationState.KEPT
    assert flash.read_bytes() == b"\xff" * 24_576
