"""What a person may ask for while the stream runs; safe from any thread and from signals."""

from __future__ import annotations

import queue
import threading
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


Command = SetThreshold | SetPaused | Mark | Reset


class Controls:
    """Commands on their way to the stream. Quitting overtakes all others."""

    def __init__(self) -> None:
        # A SimpleQueue may be written to from a signal handler while the same thread reads it.
        self._commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._quit = threading.Event()
        self.quit_reason = ""

    def ask(self, command: Command) -> None:
        """Put a command in line."""
        self._commands.put(command)

    def quit(self, reason: str) -> None:
        """End the stream and part from the board politely."""
        self.quit_reason = self.quit_reason or reason
        self._quit.set()

    @property
    def quitting(self) -> bool:
        """Whether anyone asked to end."""
        return self._quit.is_set()

    def take(self) -> Iterator[Command]:
        """The commands that came since the last call."""
        while True:
            try:
                yield self._commands.get_nowait()
            except queue.Empty:
                return
