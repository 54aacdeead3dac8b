"""A board that samples its own sensor, behind the interface that the stream uses."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tools.link import events as link
from tools.link.messages import SensorState
from tools.link.session import Session
from tools.monitor.board import BoardEvent
from tools.monitor.boards.link_board import LinkBoard
from tools.monitor.events import SamplesLost, SamplesSent
from tools.recordings.source import Counts, Source, SourceFacts
from training.bundle import Bundle
from training.bundle.errors import LinkError
from training.bundle.labels import UNKNOWN

STATE_SECONDS = 0.5  # between two requests of the sensor's state
SILENT_SECONDS = 0.3  # without a sample at a recording's end: no more will come


class Sensor(Source):
    """The samples of the board's sensor, which the host does not know in advance."""

    @property
    def frames(self) -> int | None:
        return None

    def take(self, first: int, count: int) -> Counts:
        return np.empty((0, len(self.facts.channels)), np.int16)

    def gap(self, first: int) -> int:
        return 0

    def frame_labels(self, first: int, count: int) -> NDArray[np.int8]:
        return np.full(count, UNKNOWN, np.int8)

    def label(self, first: int, count: int) -> int:
        return UNKNOWN


def of_sensor(bundle: Bundle, name: str = "sensor") -> Sensor:
    """Return the board's sensor as a source, in the bundle's counts and units."""
    signal = bundle.manifest.signal
    facts = SourceFacts(
        name=name,
        description=f"{name}: {', '.join(signal.channels)}, sampled by the board",
        simulated=False,
        frames=0,
        labelled=False,
        channels=tuple(signal.channels),
        units=tuple(signal.units),
        gain=tuple(signal.gain),
        offset=tuple(signal.offset),
        rate_hz=signal.rate_hz,
    )
    counts = np.empty((0, len(signal.channels)), np.int16)
    return Sensor(facts, counts, np.empty(0, np.int8), f"sensor {name}")


class Recent:
    """Ring buffer of the newest samples by absolute frame index, int16 [frames, channels]."""

    def __init__(self, frames: int, channels: int) -> None:
        self._counts = np.zeros((frames, channels), np.int16)
        self.next = 0

    def put(self, first: int, counts: Counts) -> None:
        """Append samples; those between the last one and `first` are missing."""
        counts = counts[-len(self._counts) :]
        self.next = first + len(counts)
        self._counts[np.arange(first, self.next) % len(self._counts)] = counts

    def take(self, first: int, count: int) -> Counts:
        """Return frames that are still in the buffer."""
        return self._counts[np.arange(first, first + count) % len(self._counts)]


class SensorBoard(LinkBoard):
    """Implements `tools.monitor.stream.SamplingBoard`: starts and stops the board's sensor.

    Args:
        bundle: must be the one that the board runs.
        source: the recording that an emulated board samples; None: a real sensor.
        watch: request each window's reconstruction.
        abandon: called while waiting for the board; returns whether to stop waiting.

    Raises:
        LinkError: the board runs another model, or has no sensor.
    """

    def __init__(
        self,
        session: Session,
        bundle: Bundle,
        source: Source | None,
        watch: bool,
        abandon: Callable[[], bool] = lambda: False,
    ) -> None:
        sensor = session.sampling()  # raises LinkError if the firmware is too old
        if source is None:
            self.source: Source = of_sensor(bundle, sensor.sensor)
        else:
            description = f"{source.facts.description}, sampled by the board"
            self.source = replace(source, facts=replace(source.facts, description=description))
        super().__init__(session, bundle, self.source, watch, abandon)
        self._recent = Recent(1 << 16, self.facts.channels)
        self._waiting: deque[link.Event] = deque()  # scores whose samples have not been received
        self._state, self._state_time = sensor, 0.0
        self._sample_time = time.monotonic()
        self._received = 0  # frames since the stream began

    @property
    def resume_frame(self) -> int:
        return 0

    @property
    def over(self) -> bool:
        """Whether the played recording has ended and all of it has been received."""
        if self._state.state != SensorState.ENDED or self._received < self._state.taken:
            return False
        # The board reports a window only after its last sample.
        unreported = self._session.next_window * self.facts.hop + self.facts.report_after
        if self._waiting or unreported <= self._recent.next:
            return False
        return time.monotonic() - self._sample_time > SILENT_SECONDS

    def restart(self) -> None:
        self._new_stream()
        self._waiting.clear()
        self._recent.next = self._received = 0
        self._session.start_sampling(self._stream)
        self._ask_wearer_again()
        self._state = self._session.sampling()

    def room(self) -> int:
        return 0

    def receive(self, timeout: float) -> Sequence[BoardEvent]:
        """Return what was received, with a window's samples before its score."""
        events: list[BoardEvent] = []
        for event in self._held or self._session.poll(timeout):
            if isinstance(event, link.Sampled):
                events += self._sampled(event)
                self._sample_time = time.monotonic()
            else:
                self._waiting.append(event)
            while self._waiting and self._is_due(self._waiting[0]):
                translated = self._translated(self._waiting.popleft())
                events += [translated] if translated is not None else []
        self._held = []
        self._update_state()
        return [*events, *self._take_status(), *self._answers_again()]

    def close(self, finished: bool) -> None:
        try:
            if self.answers:
                with contextlib.suppress(LinkError), self._while_it_answers() as session:
                    session.stop_sampling()
        finally:
            self._session.close()

    def _sampled(self, event: link.Sampled) -> list[BoardEvent]:
        events: list[BoardEvent] = []
        if event.skipped:
            reason = event.why.name.lower()
            events.append(SamplesLost(event.sample - event.skipped, event.skipped, reason))
            self._recent.next = event.sample
        counts = np.frombuffer(event.counts, "<i2").astype(np.int16)
        if len(counts):
            frames = counts.reshape(-1, self.facts.channels)
            self._recent.put(event.sample, frames)
            self._received += len(frames)
            events.append(SamplesSent(event.sample, frames))
        return events

    def _window(self, first: int) -> Counts:
        return self._recent.take(first, self.facts.window)

    def _is_due(self, event: link.Event) -> bool:
        if not isinstance(event, link.Scored):
            return True
        return self._recent.next >= event.window * self.facts.hop + self.facts.report_after

    def _update_state(self) -> None:
        now = time.monotonic()
        if self.answers and now - self._state_time > STATE_SECONDS:
            self._state_time = now
            # The next poll reports the error.
            with contextlib.suppress(LinkError), self._while_it_answers() as session:
                self._state = session.sampling()
