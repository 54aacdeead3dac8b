"""Faults on purpose between a monitor and its board: `vigil monitor --faults`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from training.bundle.errors import BoardError, LinkError

if TYPE_CHECKING:
    from tools.boards.emulated import EmulatedBoard
    from tools.link.faults import FaultConfig
    from tools.link.transport import SerialTransport


@contextlib.contextmanager
def bad_line(port: str, faults: FaultConfig, board: EmulatedBoard | None) -> Iterator[str]:
    """A port that leads to `port` by way of a line with faults, each way with a seed of its own.

    `board`: the emulated board behind `port`, if it is ours to reset and to take the power from.
    Raises BoardError for a reboot of any other.
    """
    from tools.link.fault_proxy import FaultProxy
    from tools.link.transport import SerialTransport

    if faults.reboots and board is None:
        raise BoardError(
            f"{port}: a fault cannot press this board's reset button; leave reboot@ out, or take "
            "--port emulated"
        )

    def opened() -> SerialTransport:
        try:
            return SerialTransport(port if board is None else board.port)
        except BoardError as gone:  # it has another port when it comes back
            raise LinkError(str(gone)) from None

    moments: list[tuple[float, Callable[[], None]]] = []
    if board is not None:
        moments += [(at, board.reset) for at in faults.reboots]
        for first, last in faults.unplugged:
            moments += [(first, board.kill), (last, board.start)]
    back = replace(faults, seed=faults.seed + 1)
    with FaultProxy(opened(), faults, back, at=moments, reopen=opened) as proxy:
        yield proxy.port
