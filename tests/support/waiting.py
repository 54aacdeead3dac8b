"""Waits for other threads and processes that are long enough for a loaded machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields

from tools.link.timeouts import Timeouts

PATIENCE = 60.0
"""Seconds before a wait fails the test; on an idle machine every wait takes a few at most."""


def wait_until(
    met: Callable[[], object], state: Callable[[], object] = str, seconds: float = PATIENCE
) -> None:
    """Poll until `met()` is true; on failure, show `state()`."""
    end = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < end, f"not within {seconds:g} s: {state()}"
        time.sleep(0.01)


def shortest(action: Callable[[], object], seconds: float, tries: int = 5) -> float:
    """Seconds that `action` takes: of up to `tries` runs, the first below `seconds`, or the best.

    A loaded machine can delay one run, but hardly all of them.
    """
    best = float("inf")
    for _ in range(tries):
        began = time.monotonic()
        action()
        best = min(best, time.monotonic() - began)
        if best < seconds:
            break
    return best


def defaults(**seconds: float) -> None:
    """Change the link's default timeouts for the rest of this process, which is a test's own."""
    values = tuple(seconds.get(field.name, field.default) for field in fields(Timeouts))
    Timeouts.__init__.__defaults__ = values
