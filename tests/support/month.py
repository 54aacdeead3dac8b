"""A stream of virtual seconds into every view, for measurements of memory."""

from __future__ import annotations

import gc
import io
import tracemalloc
from collections.abc import Iterator

import numpy as np

from tests.support.monitor_board import FakeBoard, source
from tools.monitor.controls import Controls
from tools.monitor.events import (
    AlarmChanged,
    Event,
    LinkCounters,
    Notice,
    SamplesLost,
    SamplesSent,
    Started,
    View,
    WindowNotJudged,
    WindowScored,
    WindowsLost,
)
from tools.monitor.history import History
from tools.monitor.summary import Tally
from tools.monitor.views import JsonView, PlainView
from tools.monitor.web.hub import Hub

WINDOW = 20  # frames, as the board of the tests has them


class Nowhere(io.StringIO):
    """A text stream that keeps nothing."""

    def write(self, text: str) -> int:
        return len(text)


def events(first: int, count: int) -> Iterator[Event]:
    """Yield the events of `count` windows, one each second, from the `first` on."""
    frames = np.zeros((WINDOW, 1), np.int16)
    for index in range(first, first + count):
        frame = index * WINDOW
        if index % 997 == 0:
            yield SamplesLost(frame, WINDOW, "overrun")
            yield WindowsLost(index, 1, "overrun")
            continue
        yield SamplesSent(frame, frames)
        if index % 101 == 0:
            yield WindowNotJudged(index, frame, "flat")
            continue
        flag = index % 50 == 0
        yield WindowScored(index, frame, 2e5 if flag else 5e4, 1e5, flag, 900, alarm=flag)
        if index % 50 < 2:
            yield AlarmChanged(index, frame, flag)
        if index % 500 == 0:
            yield Notice(f"notice at window {index}")
            yield LinkCounters(index, index, 0, 0, index // 9)


class Month:
    """Every view of a stream, and a browser that takes what is new each second."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.views: list[View] = [
            *(Tally(), History(), PlainView(Nowhere()), JsonView(Nowhere())),
            self.hub.view("board", Controls()),
        ]
        self._next = 0
        for view in self.views:
            view.handle(Started(FakeBoard().facts, source().facts, 0))

    def stream(self, windows: int) -> int:
        """Stream, and return the bytes of Python's objects after it."""
        for event in events(self._next, windows):
            for view in self.views:
                view.handle(event)
            if isinstance(event, WindowScored):
                self.hub.news()
        self._next += windows
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
