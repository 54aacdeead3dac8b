"""The alarm over windows, between the link's messages and the manifest's levels."""

from __future__ import annotations

from tools.link.messages import ALARM, DRIFT, Alarm, AlarmKind, AlarmSet
from tools.link.session import Session
from tools.monitor.events import AlarmChanged, BoardFacts, DriftChanged
from training.bundle.decision import alarm_text
from training.bundle.manifest import AlarmLevels


def alarm_set(levels: AlarmLevels) -> AlarmSet:
    """Return the message that sets the levels."""
    kind = AlarmKind[levels.kind.upper()]
    return AlarmSet(kind, levels.windows, levels.raise_level, levels.clear_level)


def alarm_of(session: Session) -> str:
    """Return in words what raises and clears the board's alarm."""
    alarm = session.alarm()
    if alarm.kind == AlarmKind.NONE:
        return ""
    return alarm_text(
        AlarmLevels(
            kind="mean" if alarm.kind == AlarmKind.MEAN else "count",
            windows=alarm.windows,
            raise_level=alarm.raise_level,
            clear_level=alarm.clear_level,
        )
    )


class ResumedAlarm:
    """Alarm and drift of a resumed stream, in case that no window is judged for long."""

    def __init__(self) -> None:
        self._alarm: Alarm | None = None  # as the board stated it; None: passed on, or not asked

    def ask(self, session: Session, board: BoardFacts) -> None:
        """Ask a board that has an alarm. Raises LinkError if it does not answer."""
        self._alarm = session.alarm() if board.alarm else None

    def clear(self) -> None:
        """Forget the answer: another stream begins."""
        self._alarm = None

    def events(self, session: Session, hop: int) -> list[AlarmChanged | DriftChanged]:
        """Return what is on, once the reports of all windows before the answer have come."""
        alarm = self._alarm
        if alarm is None or session.next_window < alarm.window:
            return []
        self._alarm = None
        window = max(alarm.window - 1, 0)
        events: list[AlarmChanged | DriftChanged] = []
        if alarm.state & ALARM:
            events.append(AlarmChanged(window, window * hop, True))
        if alarm.state & DRIFT:
            events.append(DriftChanged(window, window * hop, True))
        return events
