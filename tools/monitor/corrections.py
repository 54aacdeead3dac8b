"""A user's corrections: "this was normal", and "another person wears the board".

A model with a wearer accepts the beat's form. For any other model, the threshold rises to the
window's score.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tools.monitor import text
from tools.monitor.board import Board
from tools.monitor.events import Event, Notice, ThresholdChanged, WindowScored
from training.bundle.errors import LinkError

FLAGGED = 256  # flagged windows whose score is remembered
SPAN = 64  # judged beats that the advice looks at
MANY, FEW = 40, 16  # flagged ones of these, at which it is given, and may be given again


class Corrections:
    """Obeys corrections, and says when a new wearer seems due.

    Args:
        noun: what a window is called.
        emit: takes the events.
    """

    def __init__(self, board: Board, noun: str, emit: Callable[[Event], None]) -> None:
        self._board, self._noun, self._emit = board, noun, emit
        self._flagged: deque[WindowScored] = deque(maxlen=FLAGGED)
        self._last: deque[bool] = deque(maxlen=SPAN)
        self._advised = False
        self._threshold = 0.0  # in force at the last window

    def scored(self, window: WindowScored) -> None:
        """Take the next scored window."""
        self._threshold = window.threshold
        if window.flag:
            self._flagged.append(window)
        if self._board.wearer is None:
            return
        self._last.append(window.flag)
        many = sum(self._last)
        if many >= MANY and not self._advised:
            self._advised = True
            self._emit(
                Notice(
                    f"{many} of the last {len(self._last)} {self._noun}s are flagged: if another "
                    "person wears the board, or an electrode has moved, begin with a new wearer"
                )
            )
        elif many <= FEW and len(self._last) == SPAN:
            self._advised = False

    def accept(self, index: int | None) -> None:
        """Accept a flagged window as normal; None: the last one.

        Raises:
            LinkError: it was not flagged, or the board refuses it.
        """
        window = next((w for w in reversed(self._flagged) if index in (None, w.index)), None)
        if window is None:
            which = f"no {self._noun}" if index is None else f"{self._noun} {index} is none that"
            raise LinkError(f"{which} was flagged lately")
        name = f"{self._noun} {window.index}"
        if self._board.wearer is None:
            self._raise_threshold(window, name)
            return
        self._board.accept(window.index)
        now = self._board.wearer
        assert now is not None
        self._emit(
            Notice(
                f"{name} counts as normal for this wearer: {text.forms(now)}, of which a user "
                f"accepted {now.accepted}"
            )
        )

    def _raise_threshold(self, window: WindowScored, name: str) -> None:
        before = self._threshold
        if window.score <= before:
            raise LinkError(f"{name} is no longer above the threshold")
        now = self._threshold = self._board.set_threshold(window.score)
        self._emit(ThresholdChanged(now))
        self._emit(
            Notice(
                f"{name} counts as normal: the threshold rises from {text.number(before)} to "
                f"{text.number(now)}, its score, until the board restarts"
            )
        )

    def renew(self) -> None:
        """Begin with a new wearer. Raises LinkError if the model has none."""
        if self._board.wearer is None:
            raise LinkError("the model does not learn a wearer")
        self._board.renew_wearer()
        self._last.clear()
        self._advised = False
