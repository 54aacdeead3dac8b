"""Lets paho-mqtt wait for sockets by poll().

It knows select() only, which takes no descriptor from 1,024 on: a program with hundreds of boards
could never connect to its broker again.
"""

from __future__ import annotations

import select
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, Protocol

import paho.mqtt.client as paho


class _Socket(Protocol):
    def fileno(self) -> int: ...


def use_poll() -> None:
    """Replace select() in paho-mqtt, on systems that have poll()."""
    if hasattr(select, "poll"):  # not on Windows
        module: Any = paho
        module.select = SimpleNamespace(select=_select)


def _select(
    reading: Iterable[_Socket], writing: Iterable[_Socket], _: object, timeout: float
) -> tuple[list[_Socket], list[_Socket], list[_Socket]]:
    """Return the sockets that can be read, those that can be written, and none, as select()."""
    reading, writing = list(reading), list(writing)
    poll = select.poll()
    for each in {*reading, *writing}:
        poll.register(each, select.POLLIN * (each in reading) | select.POLLOUT * (each in writing))
    # An error or a hang-up is read or written, too, to learn which it is.
    ready = dict(poll.poll(1000 * timeout))
    failed = select.POLLERR | select.POLLHUP | select.POLLNVAL
    readable = [s for s in reading if ready.get(s.fileno(), 0) & (select.POLLIN | failed)]
    writable = [s for s in writing if ready.get(s.fileno(), 0) & (select.POLLOUT | failed)]
    return readable, writable, []
