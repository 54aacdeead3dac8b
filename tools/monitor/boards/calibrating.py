"""A board's own calibration, as the monitor's events describe it."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from tools.link import messages as m
from tools.link.explain import word_of
from tools.monitor.controls import Calibrate, Calibration, ForgetCalibration, StopCalibration
from tools.monitor.events import CalibrationStatus

ASK = m.Calibrate(m.CalibrateAction.ASK)


def request_of(command: Calibration, default_rate: float) -> m.Calibrate:
    """Return the link's message for a command."""
    match command:
        case Calibrate(windows=windows, rate=rate, tolerated=tolerated):
            rate = default_rate if rate is None else rate
            return m.Calibrate(
                *(m.CalibrateAction.START, secrets.randbits(32) or 1, windows),
                *(round(1e6 * rate), round(1e6 * tolerated)),
            )
        case StopCalibration():
            return m.Calibrate(m.CalibrateAction.STOP)
        case ForgetCalibration():
            return m.Calibrate(m.CalibrateAction.FORGET)


def status_of(report: m.CalibrationReport) -> CalibrationStatus:
    """Return a board's report as an event."""
    return CalibrationStatus(
        state=word_of(m.CalibrationState, report.state),
        source=word_of(m.ThresholdSource, report.source),
        threshold=report.threshold,
        windows=report.windows,
        taken=report.taken,
        set_aside=report.set_aside,
        rate=report.rate / 1e6,
        tolerated=report.tolerated / 1e6,
    )


class Calibrating:
    """Follows the calibration of a board on a link.

    A calibration ends on the board between two windows. The board says so once, unasked, and that
    message may be lost. So the board is asked before a window's score is passed on that it may have
    judged by the new threshold.

    Args:
        ask: sends a request and returns the board's answer.
    """

    def __init__(self, ask: Callable[[m.Calibrate], m.CalibrationReport]) -> None:
        self._ask = ask
        self.report = ask(ASK)
        self._scored = 0  # windows scored since the report

    @property
    def running(self) -> bool:
        """Whether a calibration runs, as far as is known."""
        return self.report.state == m.CalibrationState.RUNNING

    def request(self, request: m.Calibrate = ASK) -> m.CalibrationReport:
        """Send a request and keep the board's answer."""
        return self.take(self._ask(request))

    def take(self, report: m.CalibrationReport) -> m.CalibrationReport:
        """Keep a report of the board."""
        self.report, self._scored = report, 0
        return report

    def may_be_over(self) -> bool:
        """Count a scored window; return whether it may be the first after the calibration."""
        self._scored += 1
        return self.running and self._scored > self.report.windows - self.report.taken
