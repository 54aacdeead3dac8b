"""A board that samples its own sensor as the monitor speaks to it, on a line in memory."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.link_sensor import HOP, RATE, WINDOW, SensorLine
from tests.support.noise_bundle import noise_bundle
from tools.link.session import Session
from tools.link.transport import PortLostError
from tools.monitor.boards import sensor_board as module
from tools.monitor.boards.sensor_board import OLDEST_SECONDS, SensorBoard
from tools.monitor.events import Notice, Severity, WindowScored
from training.bundle.errors import LinkError


def sensor_board(session: Session, keep: Callable[[], None] | None = None) -> SensorBoard:
    signal = SimpleNamespace(channels=["x"], units=["g"], gain=[1.0], offset=[0], rate_hz=RATE)
    bundle = noise_bundle(session, WINDOW, HOP, signal=signal)
    return SensorBoard(session, bundle, None, False, keep=keep)


def test_that_a_port_is_lost_does_not_wait_for_the_samples_of_a_window() -> None:
    line, unplugged = SensorLine(), False

    def unplug(data: bytes, now: float) -> bytes:
        if unplugged:
            raise PortLostError("memory: gone")
        return data

    def reopen() -> Any:
        raise LinkError("memory: no such port")

    line.drop = unplug
    session = Session(line.transport(), reopen=reopen)
    board = sensor_board(session)
    board.restart()
    events: list[Any] = []
    # A window is complete on the board, and its report has come before the last of its samples.
    while session.next_window <= sum(isinstance(event, WindowScored) for event in events):
        events += board.receive(0.0)
    unplugged = True
    assert Notice(
        "waiting for the port to return: memory: gone", answers=False, severity=Severity.WARNING
    ) in board.receive(0.01)


@pytest.mark.parametrize(
    ("began", "resumed"),
    [(0, True), (-3600, True), (3600, True), (-OLDEST_SECONDS, False), (OLDEST_SECONDS, False)],
)
def test_a_gateway_resumes_a_stream_though_its_clock_is_late(
    monkeypatch: pytest.MonkeyPatch, began: int, resumed: bool
) -> None:
    now, line = 1_700_000_000, SensorLine()
    monkeypatch.setattr(module.time, "time", lambda: float(now))
    with line.session() as session:
        session.start_sampling(now + began, samples=False)
    board = sensor_board(line.session(), keep=lambda: None)
    assert (board.resume_frame is not None) == resumed
