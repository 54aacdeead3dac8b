"""Memory stays flat over a long stream, in every view."""

from __future__ import annotations

import tracemalloc

import pytest

from tests.support.month import Month
from tools.monitor import history, notices, wall_clock
from tools.monitor.web import hub


def test_the_memory_of_every_view_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `benchmarks.month`, with less that is kept, so that ten minutes fill it."""
    for module, name, kept in (
        (hub, "WINDOWS", 256),
        (hub, "FRAMES", 4096),
        (hub, "MARKS", 16),
        (history, "WINDOWS", 128),
        (notices, "ENTRIES", 32),
        (wall_clock, "KEPT", 64),
    ):
        monkeypatch.setattr(module, name, kept)
    tracemalloc.start()
    try:
        month = Month()
        month.stream(600)
        before = month.stream(600)
        after = month.stream(1200)
    finally:
        tracemalloc.stop()
    assert after - before < 100_000
