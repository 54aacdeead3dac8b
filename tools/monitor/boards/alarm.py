"""The alarm over windows, between the link's messages and the manifest's levels."""

from __future__ import annotations

from tools.link.messages import AlarmKind, AlarmSet
from tools.link.session import Session
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
