"""A board's wearer, as the monitor's events describe it."""

from __future__ import annotations

import secrets

from tools.link import messages as m
from tools.link.explain import word_of
from tools.monitor.events import WearerStatus
from training.native.core import Wearer

ASK = m.WearerRequest(m.WearerAction.ASK)


def accepting(window: int) -> m.WearerRequest:
    """Return the link's message that accepts a flagged window."""
    return m.WearerRequest(m.WearerAction.ACCEPT, window=window)


def renewing() -> m.WearerRequest:
    """Return the link's message that begins with a new wearer."""
    return m.WearerRequest(m.WearerAction.RENEW, number=secrets.randbits(32) or 1)


def per_minute(interval: float, rate_hz: float | None) -> float | None:
    """Return a heart rate from frames between two beats; 0 frames are unknown."""
    return 60 * rate_hz / interval if interval > 0 and rate_hz else None


def status_of_report(report: m.WearerReport, rate_hz: float | None) -> WearerStatus:
    """Return a board's report as an event; `rate_hz` is the model's."""
    interval = 2.0 ** min(report.interval / 65536, 64) if report.interval else 0.0
    return WearerStatus(
        learned=report.phase == m.WearerPhase.LEARNED,
        refused=report.phase == m.WearerPhase.RELEARNING,
        beats=report.beats,
        learn=report.learn,
        forms=report.forms,
        accepted=report.accepted,
        per_minute=per_minute(interval, rate_hz),
        memory=word_of(m.WearerStorage, report.memory),
    )


def status_of_host(wearer: Wearer, learn: int, rate_hz: float | None) -> WearerStatus:
    """Return the wearer of this process as an event; it is not kept."""
    return WearerStatus(
        learned=wearer.learned,
        refused=wearer.refused,
        beats=wearer.beats,
        learn=learn,
        forms=wearer.form_count,
        accepted=wearer.accepted,
        per_minute=per_minute(wearer.interval, rate_hz),
        memory="none",
    )
