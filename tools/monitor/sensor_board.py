"""A board that samples itself, as the stream wants it (`tools.monitor.stream.SamplingBoard`)."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tools.link import events as link
from tools.link.messages import SensorState
from tools.link.session import Session
from tools.monitor.events import Counts, SamplesLost, SamplesSent
from tools.monitor.port import LinkBoard
from tools.monitor.source import Source, of_sensor
from training.bundle.errors import LinkError

if TYPE_CHECKING:
    from tools.monitor.stream import BoardEvent
    from training.bundle import Bundle

STATE_SECONDS = 0.5  # between two looks at the sensor's state
SILENT_SECONDS = 0.3  # without a sample, after a recording's end: then all of it has come


class Recent:
    """The newest samples, by absolute frame index: int16 [frames, channels]."""

    def __init__(self, frames: int, channels: int) -> None:
        self._counts = np.zeros((frames, channels), np.int16)
        self.next = 0

    def put(self, first: int, counts: Counts) -> None:
        """What follows; what lies between was not taken."""
        counts = counts[-len(self._counts) :]
        self.next = first + len(counts)
        self._counts[np.arange(first, self.next) % len(self._counts)] = counts

    def take(self, first: int, count: int) -> Counts:
        """Frames that were put not too long ago."""
        return self._counts[np.arange(first, first + count) % len(self._counts)]


class SensorBoard(LinkBoard):
    """Starts and stops the board's sensor; hands on samples and scores as they come.

    Args:
        session: with a board that runs `bundle`.
        source: what an emulated board plays; None: nobody knows what is sampled.
        watch: ask for every window's reconstruction.
    """

    def __init__(
        self,
        session: Session,
        bundle: Bundle,
        source: Source | None,
        watch: bool,
        abandon: Callable[[], bool] = lambda: False,
    ) -> None:
        sensor = session.sampling()  # an older board says here what it cannot do
        if source is None:
            self.source: Source = of_sensor(bundle, sensor.sensor)
        else:
            told = f"{source.facts.description}, sampled by the board"
            self.source = replace(source, facts=replace(source.facts, description=told))
        super().__init__(session, bundle, self.source, watch, abandon)
        self._recent = Recent(1 << 16, self.facts.channels)
        self._waiting: deque[link.Event] = deque()  # scores whose samples have not come yet
        self._state, self._looked = sensor, 0.0
        self._came = time.monotonic()

    @property
    def resume_frame(self) -> int:
        """Every stream of a sensor is a new one."""
        return 0

    @property
    def over(self) -> bool:
        """A recording that is played to the board is at its end, and all of it has come."""
        quiet = time.monotonic() - self._came > SILENT_SECONDS
        return quiet and not self._waiting and self._state.state == SensorState.ENDED

    def restart(self) -> None:
        """Begin to sample at frame 0."""
        self._new_stream()
        self._waiting.clear()
        self._recent.next = 0
        self._session.start_sampling(self._stream)
        self._state = self._session.sampling()

    def room(self) -> int:
        """It takes none."""
        return 0

    def receive(self, timeout: float) -> Sequence[BoardEvent]:
        """What came, a window's samples before its score."""
        told: list[BoardEvent] = []
        for event in self._held or self._session.poll(timeout):
            if isinstance(event, link.Sampled):
                told += self._sampled(event)
                self._came = time.monotonic()
            else:
                self._waiting.append(event)
            while self._waiting and self._is_due(self._waiting[0]):
                made = self._told(self._waiting.popleft())
                told += [made] if made is not None else []
        self._held = []
        self._look()
        return [*told, *self._back()]

    def close(self, finished: bool) -> None:
        """Stop the sensor, and say goodbye."""
        try:
            if self.answers:
                with contextlib.suppress(LinkError), self._while_it_answers() as session:
                    session.stop_sampling()
        finally:
            self._session.close()

    def _sampled(self, event: link.Sampled) -> list[BoardEvent]:
        told: list[BoardEvent] = []
        if event.skipped:
            why = event.why.name.lower()
            told.append(SamplesLost(event.sample - event.skipped, event.skipped, why))
            self._recent.next = event.sample
        counts = np.frombuffer(event.counts, "<i2").astype(np.int16)
        if len(counts):
            frames = counts.reshape(-1, self.facts.channels)
            self._recent.put(event.sample, frames)
            told.append(SamplesSent(event.sample, frames))
        return told

    def _window(self, first: int) -> Counts:
        return self._recent.take(first, self.facts.window)

    def _is_due(self, event: link.Event) -> bool:
        if not isinstance(event, link.Scored):
            return True
        return self._recent.next >= event.window * self.facts.hop + self.facts.window

    def _look(self) -> None:
        now = time.monotonic()
        if self.answers and now - self._looked > STATE_SECONDS:
            self._looked = now
            # The next poll says what is wrong.
            with contextlib.suppress(LinkError), self._while_it_answers() as session:
                self._state = session.sampling()
