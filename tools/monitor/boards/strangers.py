"""Names a device that sends on the port of a board that is away."""

from __future__ import annotations

import time

from tools.link.session import Session
from tools.monitor.events import Notice, Severity

SECONDS = 5.0  # between two looks


class Strangers:
    """Says once per absence what the port sends in place of the board's frames."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.clear()

    def clear(self) -> None:
        """Begin again: the board answers, or the port is opened anew."""
        self._due, self._before, self._said = 0.0, "", False

    def notices(self, away: bool) -> list[Notice]:
        """Return the notice that is due. Two looks must agree: a board that starts sends text."""
        if not away:
            self.clear()
        if not away or self._said or time.monotonic() < self._due:
            return []
        self._due = time.monotonic() + SECONDS
        before, self._before = self._before, self._session.stranger
        self._said = bool(before and self._before)
        if not self._said:
            return []
        return [Notice(f"{self._session.port}: {self._before}", severity=Severity.WARNING)]
