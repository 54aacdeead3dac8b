"""Requests of a session: each waits for the board's answer while the stream goes on."""

import numpy as np

from tools.link import messages as m
from tools.link.connection import Connection
from tools.link.explain import NO_ALARM, NO_WEARER, NOT_KEPT
from tools.link.protocol import Protocol

ASK_WEARER = m.WearerRequest(m.WearerAction.ASK)


class Requests:
    """The requests that a session can send to its board."""

    _connection: Connection
    _protocol: Protocol
    boot: m.BootReport  # results of the board's self-test at start-up

    def statistics(self) -> m.Statistics:
        """Return the board's counters."""
        return self._connection.ask(m.StatisticsGet(), m.Statistics)

    def threshold(self) -> m.Threshold:
        """Return the board's threshold."""
        return self._connection.ask(m.ThresholdGet(), m.Threshold)

    def alarm(self) -> m.Alarm:
        """Return the board's alarm and drift. Raises LinkError if its image has no alarm."""
        return self._connection.ask(m.AlarmGet(), m.Alarm, unknown=NO_ALARM)

    def set_alarm(self, alarm: m.AlarmSet) -> m.Alarm:
        """Set the board's alarm until its next reset. Raises LinkError if it cannot."""
        return self._connection.ask(alarm, m.Alarm, unknown=NO_ALARM)

    def set_threshold(self, value: float) -> m.Threshold:
        """Set the board's threshold. The session sets it again after a reset of the board.

        Raises:
            LinkError: the board refuses the value.
        """
        protocol = self._protocol
        before, protocol.threshold = protocol.threshold, None
        try:
            answer = self._connection.ask(m.ThresholdSet(float(np.float32(value))), m.Threshold)
            before = answer.value
        finally:
            protocol.threshold = before
        return answer

    def calibrate(self, request: m.Calibrate) -> m.CalibrationReport:
        """Ask about the board's own calibration, begin, end or forget it.

        At the end of a calibration, `poll` returns `Calibrated`.

        Raises:
            LinkError: the board refuses the values, or its firmware cannot calibrate.
        """
        if request.action == m.CalibrateAction.FORGET:
            self._protocol.threshold = None
        old = "the board's firmware cannot calibrate: flash it again ('make flash')"
        return self._connection.ask(request, m.CalibrationReport, unknown=old)

    def wearer(self, request: m.WearerRequest = ASK_WEARER) -> m.WearerReport:
        """Ask about the wearer, accept a flagged window as normal, or begin with a new wearer.

        Raises LinkError if the image has no wearer, or the board no longer keeps the window.
        """
        return self._connection.ask(request, m.WearerReport, unknown=NO_WEARER, bad_value=NOT_KEPT)

    def boot_report(self) -> m.BootReport:
        """Request the results of the board's self-test; also sets `boot`."""
        self.boot = self._connection.ask(m.BootGet(), m.BootReport)
        return self.boot
