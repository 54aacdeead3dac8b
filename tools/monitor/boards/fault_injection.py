"""Faults that are injected between a monitor and its board (`vigil monitor --faults`)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from tools.boards.emulated import EmulatedBoard
from tools.link.fault_proxy import FaultProxy
from tools.link.faults import FaultConfig
from tools.link.transport import SerialTransport
from training.bundle.errors import BoardError, LinkError


@contextlib.contextmanager
def faulty_port(port: str, faults: FaultConfig, board: EmulatedBoard | None) -> Iterator[str]:
    """Yield a port that leads to `port` over a link with faults.

    The two directions use seeds of their own. `board` is the emulated board behind `port`, if any:
    `faults` may reset it and switch it off.
    """

    def connect() -> SerialTransport:
        try:
            return SerialTransport(port if board is None else board.port)
        except BoardError as problem:  # the port's name changes when the board comes back
            raise LinkError(str(problem)) from None

    moments: list[tuple[float, Callable[[], None]]] = []
    if board is not None:
        moments += [(at, board.reset) for at in faults.reboots]
        for off, on in faults.unplugged:
            moments += [(off, board.kill), (on, board.start)]
    back = replace(faults, seed=faults.seed + 1)
    with FaultProxy(connect(), faults, back, at=moments, reopen=connect) as proxy:
        yield proxy.port
