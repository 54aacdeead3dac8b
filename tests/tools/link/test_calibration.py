"""The board's own calibration over the link: docs/link.md, CALIBRATE."""

from __future__ import annotations

import numpy as np

from tests.support.link_native import BoardConfig
from tests.support.link_talk import Talk, errors_of, of
from tools.link import messages as m
from tools.link.messages import CalibrateAction, CalibrationState, ThresholdSource
from training.native import Calibration

WINDOW = 8
CONFIG = BoardConfig(window=WINDOW, hop=WINDOW)
ASK = m.Calibrate(action=CalibrateAction.ASK)
STOP = m.Calibrate(action=CalibrateAction.STOP)
FORGET = m.Calibrate(action=CalibrateAction.FORGET)


def start(number: int, windows: int, rate: float = 0.1, tolerated: float = 0.0) -> m.Calibrate:
    return m.Calibrate(
        CalibrateAction.START, number, windows, round(1e6 * rate), round(1e6 * tolerated)
    )


class Run(Talk):
    """A talk that streams random samples window by window."""

    def __init__(self, config: BoardConfig = CONFIG, memory_of: Talk | None = None) -> None:
        super().__init__(config)
        if memory_of is not None:
            self.board.begin_with_memory_of(memory_of.board)
        self.open()
        self.random = np.random.default_rng(1)
        self.window, self.scores = 0, []
        self.say(m.Restart(stream=1, sample=0, window=0))

    def stream(self, windows: int) -> list[m.Message]:
        """Send windows one by one; keep their scores, and return all messages."""
        said: list[m.Message] = []
        for _ in range(windows):
            counts = self.random.integers(-999, 999, WINDOW).astype("<i2").tobytes()
            said += self.say(m.Samples(sample=self.window * WINDOW, counts=counts))
            self.window += 1
            said += self.say(m.ReportAck(window=self.window))
        self.scores += [score.score for score in of(m.Score, said)]
        return said

    def report(self, message: m.Message = ASK) -> m.CalibrationReport:
        (report,) = of(m.CalibrationReport, self.say(message))
        return report

    def calibrated(self, number: int = 1, windows: int = 20) -> m.CalibrationReport:
        self.say(start(number, windows))
        self.stream(windows)
        return self.report()


def expected(scores: list[float], rate: float = 0.1, tolerated: float = 0.0) -> float:
    twin = Calibration(len(scores), round(1e6 * rate), round(1e6 * tolerated))
    twin.push(np.array(scores, np.float32))
    return twin.threshold


def test_a_board_without_a_calibration_says_so():
    report = Run().report()
    assert (report.number, report.state, report.windows, report.taken) == (0, 0, 0, 0)
    assert (report.source, report.threshold) == (ThresholdSource.BUNDLE, 0.5)
    built = Run(BoardConfig(window=WINDOW, hop=WINDOW, other_model=True)).report()
    assert (built.source, built.threshold) == (ThresholdSource.BUILD, 0.25)


def test_the_next_windows_give_the_hosts_threshold_to_the_bit_and_the_board_says_when():
    run = Run()
    run.stream(3)
    run.scores.clear()
    assert run.report(start(7, 40, 0.1, 0.05)).state == CalibrationState.RUNNING
    said = run.stream(39)
    assert not of(m.CalibrationReport, said)
    now = run.report()
    assert (now.number, now.windows, now.taken, now.threshold) == (7, 40, 39, 0.5)
    (ended,) = of(m.CalibrationReport, run.stream(1))  # unasked
    assert ended.threshold == expected(run.scores, 0.1, 0.05)
    assert (ended.state, ended.source) == (CalibrationState.KEPT, ThresholdSource.CALIBRATION)
    assert (ended.windows, ended.taken, ended.rate, ended.tolerated) == (40, 40, 100_000, 50_000)
    assert ended.window == 43  # the first one after the calibration


def test_the_threshold_in_force_changes_only_with_the_window_after_the_last():
    run = Run()
    run.say(start(1, 30))
    flags = [score.flags for score in of(m.Score, run.stream(30))]
    assert flags == [int(score > 0.5) for score in run.scores]
    threshold = run.report().threshold
    after = of(m.Score, run.stream(50))
    assert [score.flags for score in after] == [int(score.score > threshold) for score in after]
    assert {score.flags for score in after} == {0, 1}


def test_windows_that_are_lost_do_not_count():
    run = Run()
    run.say(start(1, 10))
    run.stream(5)
    run.say(m.Skip(sample=9 * WINDOW))
    run.window = 9
    run.stream(4)
    assert run.report().taken == 9
    run.stream(1)
    assert run.report().threshold == expected(run.scores)


def test_a_repeated_start_changes_nothing_and_another_begins_again():
    run = Run()
    run.say(start(1, 10))
    run.stream(6)
    assert run.report(start(1, 10)).taken == 6
    assert run.report(start(2, 10)).taken == 0
    run.stream(10)
    assert run.report().threshold == expected(run.scores[6:])
    assert run.report(start(2, 10)).state == CalibrationState.KEPT  # a late repetition


def test_stopping_leaves_the_threshold_as_it_was():
    run = Run()
    run.say(start(1, 10))
    run.stream(9)
    stopped = run.report(STOP)
    assert (stopped.state, stopped.threshold) == (CalibrationState.NONE, 0.5)
    run.stream(5)
    assert run.report().threshold == 0.5


def test_a_calibration_outlives_a_reset_and_one_in_progress_does_not():
    first = Run()
    kept = first.calibrated()
    second = Run(memory_of=first)
    assert second.report().threshold == kept.threshold
    assert second.report().state == CalibrationState.KEPT
    second.say(start(5, 10))
    second.stream(9)
    third = Run(memory_of=second).report()
    assert (third.state, third.threshold, third.number) == (
        CalibrationState.KEPT,
        kept.threshold,
        0,
    )
    assert third.windows == 20


def test_the_newest_of_several_calibrations_counts():
    run = Run()
    for number in range(1, 6):
        kept = run.calibrated(number)
        run = Run(memory_of=run)
        run.random = np.random.default_rng(number + 1)
        assert run.report().threshold == kept.threshold


def test_a_calibration_of_another_model_is_ignored_and_replaced():
    first = Run()
    kept = first.calibrated()
    other = Run(BoardConfig(window=WINDOW, hop=WINDOW, other_model=True), memory_of=first)
    report = other.report()
    assert (report.state, report.threshold) == (CalibrationState.OTHER_MODEL, 0.25)
    assert report.source == ThresholdSource.BUILD and report.windows == 0
    assert other.calibrated().threshold == kept.threshold  # of the same samples
    assert Run(memory_of=other).report().state == CalibrationState.OTHER_MODEL


def test_forgetting_returns_to_the_images_threshold_for_good():
    run = Run()
    run.calibrated()
    forgotten = run.report(FORGET)
    assert (forgotten.state, forgotten.threshold) == (CalibrationState.NONE, 0.5)
    assert (forgotten.source, forgotten.window) == (ThresholdSource.BUNDLE, 20)
    again = Run(memory_of=run).report()
    assert (again.state, again.threshold) == (CalibrationState.NONE, 0.5)


def test_the_hosts_threshold_is_in_force_until_the_reset():
    run = Run()
    kept = run.calibrated()
    run.say(m.ThresholdSet(value=0.125))
    report = run.report()
    assert (report.source, report.threshold) == (ThresholdSource.HOST, 0.125)
    assert report.state == CalibrationState.KEPT
    assert Run(memory_of=run).report().threshold == kept.threshold


def test_what_a_board_cannot_do_is_refused():
    run = Run()
    for message in (
        start(1, 0),
        start(1, 4001),
        start(1, 10, rate=0),
        start(1, 10, rate=1),
        start(1, 10, tolerated=0.5),
        start(1, 2000, tolerated=0.1),  # more scores than it keeps
        m.Calibrate(action=9),
    ):
        assert [code for code, *_ in errors_of(run.say(message))] == [m.ErrorCode.BAD_VALUE]
    assert run.report().state == CalibrationState.NONE
