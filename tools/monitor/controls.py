"""What a person may ask for while the stream runs; safe from any thread and from signals."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SetThreshold:
    """Hold scores against another value, on the board."""

    value: float


@dataclass(frozen=True, slots=True)
class SetPaused:
    """Stop sending samples, or go on; None turns one into the other."""

    paused: bool | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """Write this moment down."""

    text: str = "mark"


@dataclass(frozen=True, slots=True)
class Reset:
    """Begin again at frame 0, on both sides."""


PART_SECONDS = 0.5  # that the board is given to answer once someone wants to end
Command = SetThreshold | SetPaused | Mark | Reset


class Controls:
    """Commands on their way to the stream. Quitting overtakes all others."""

    def __init__(self) -> None:
        # A SimpleQueue may be written to from a signal handler while the same thread reads it.
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._quit = threading.Event()
        self._until = float("inf")  # when to wait for the board no longer
        self.quit_reason = ""
        self.hurried = False
        """Whether someone who wanted to end asked again, and waits for nothing any more."""

    def ask(self, command: Command) -> None:
        """Put a command in line."""
        self._commands.put(command)

    def quit(self, reason: str) -> None:
        """End the stream and part from the board politely."""
        self.quit_reason = self.quit_reason or reason
        self._until = min(self._until, time.monotonic() + PART_SECONDS)
        self._quit.set()

    def hurry(self) -> None:
        """Wait for nothing any more."""
        self.hurried = True

    @property
    def quitting(self) -> bool:
        """Whether anyone asked to end."""
        return self._quit.is_set()

    def out_of_time(self) -> bool:
        """Whether the board has had the time that it is given when someone wants to end."""
        return self.hurried or time.monotonic() > self._until

    def take(self) -> Iterator[Command]:
        """The commands that came since the last call."""
        while True:
            try:
                yield self._commands.get_nowait()
            except queue.Empty:
                return
