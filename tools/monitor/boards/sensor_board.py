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
from tools.link.explain import explain_timing
from tools.link.messages import SensorState
from tools.link.session import Session
from tools.monitor.board import BoardEvent
from tools.monitor.boards.link_board import LinkBoard
from tools.monitor.events import Notice, SamplesLost, SamplesSent
from tools.recordings.source import Counts, Source, SourceFacts
from training.bundle import Bundle
from training.bundle.errors import LinkError
from training.bundle.labels import UNKNOWN

STATE_SECONDS = 0.5  # between two requests of the sensor's state
STATE_SECONDS_UNATTENDED = 10.0
TIMED_SAMPLES = 1000  # after which the sensor's own rate is stated
SILENT_SECONDS = 0.3  # without a sample at a recording's end: no more will come
OLDEST_SECONDS = 400 * 24 * 3600  # a stream's number within them of now says when it began


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

    A stream's number is the Unix time at which it began, in seconds, so that another program can
    continue it. A monitor receives every sample. A gateway has no use for them, and the board must
    keep each one until it is received: without them, it bridges a longer absence.

    Args:
        bundle: must be the one that the board runs.
        source: the recording that an emulated board samples; None: a real sensor.
        watch: request each window's reconstruction.
        abandon: called while waiting for the board; returns whether to stop waiting.
        keep: of a gateway: waits until what `receive` has returned is kept, before the board may
            forget it. The stream then outlives this program. None: a monitor.

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
        keep: Callable[[], None] | None = None,
    ) -> None:
        sensor = session.sampling()  # raises LinkError if the firmware is too old
        if source is None:
            self.source: Source = of_sensor(bundle, sensor.sensor)
        else:
            description = f"{source.facts.description}, sampled by the board"
            self.source = replace(source, facts=replace(source.facts, description=description))
        super().__init__(session, bundle, self.source, watch, abandon, sensor.sensor)
        self._recent = Recent(1 << 16 if keep is None else 1, self.facts.channels)
        self._waiting: deque[link.Event] = deque()  # scores whose samples have not been received
        self._state, self._state_time = sensor, 0.0
        self._timing_said = False
        self._sample_time = time.monotonic()
        self._received = 0  # frames since the stream began
        self._keep = keep
        self._state_seconds = STATE_SECONDS if keep is None else STATE_SECONDS_UNATTENDED

    @property
    def began(self) -> int:
        return self._stream

    @property
    def resume_frame(self) -> int | None:
        """The first unacknowledged frame of a gateway's stream that is still sampled.

        0 until the first acknowledgement: the board keeps windows that a new stream would lose.
        """
        running = self._state.state in (SensorState.RUNNING, SensorState.LEAD_OFF)
        # The clock of a computer without a battery may be late after a start.
        is_time = abs(time.time() - self._state.stream) < OLDEST_SECONDS
        if self._keep is None or not running or not is_time:
            return None
        return self._session.board.next_window * self.facts.hop

    def take_up(self) -> int:
        self._stream = self._state.stream
        self._session.start_sampling(self._stream, samples=False, resume=True)
        frame = self._session.board.next_window * self.facts.hop
        self._ask_wearer_again()
        self._resumed_alarm.ask(self._session, self.facts)
        # Windows that waited on the board began before this moment.
        self._held = [link.Sampled(self._session.next_sample, b"", 0)]
        return frame

    @property
    def over(self) -> bool:
        """Whether the played recording has ended and all of it has been received."""
        if self._state.state != SensorState.ENDED:
            return False
        if self._keep is None and self._received < self._state.taken:
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
        self._session.start_sampling(self._stream, samples=self._keep is None)
        self._ask_wearer_again()
        self._state = self._session.sampling()

    def room(self) -> int:
        return 0

    def receive(self, timeout: float) -> Sequence[BoardEvent]:
        """Return what was received, with a window's samples before its score."""
        events: list[BoardEvent] = []
        for event in self._poll(timeout, self._keep):
            self._sample_time = time.monotonic()
            if isinstance(event, link.Sampled):
                events += self._sampled(event)
            elif isinstance(event, link.Scored | link.Lost):
                self._waiting.append(event)
            else:  # that the board is away waits for no samples
                events += self._reported(event)
            while self._waiting and self._is_due(self._waiting[0]):
                events += self._reported(self._waiting.popleft())
        events += self._update_state()
        return [*events, *self._take_own()]

    def close(self, finished: bool) -> None:
        try:
            if self.answers and self._keep is None:
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
        elif self._keep is not None:
            events.append(self._position(event.sample))
        return events

    def _next_number(self, used: tuple[int, int]) -> int:
        number = int(time.time())
        return next(n for n in range(number, number + 3) if n not in used)

    def _position(self, frame: int) -> SamplesSent:
        """Return what stands for the samples before `frame`, which were not received."""
        self._recent.next = max(self._recent.next, frame)
        return SamplesSent(frame, np.empty((0, self.facts.channels), np.int16))

    def _window(self, first: int) -> Counts:
        return self._recent.take(first, self.facts.window)

    def _reported(self, event: link.Event) -> list[BoardEvent]:
        translated = self._translated(event)
        events = [translated] if translated is not None else []
        if self._keep is not None and isinstance(event, link.Scored | link.Lost):
            last = event.window if isinstance(event, link.Scored) else event.first + event.count - 1
            return [self._position(last * self.facts.hop + self.facts.report_after), *events]
        return events

    def _is_due(self, event: link.Event) -> bool:
        if not isinstance(event, link.Scored) or self._keep is not None:
            return True
        return self._recent.next >= event.window * self.facts.hop + self.facts.report_after

    def _update_state(self) -> list[BoardEvent]:
        """Ask for the sensor's state; return the samples that it lost, unless they are received."""
        now = time.monotonic()
        if not self.answers or now - self._state_time <= self._state_seconds:
            return []
        self._state_time, before = now, self._state
        # The next poll reports the error.
        with contextlib.suppress(LinkError), self._while_it_answers() as session:
            self._state = session.sampling()
        said: list[BoardEvent] = []
        if not self._timing_said and self._state.taken >= TIMED_SAMPLES:
            self._timing_said = True
            said = [Notice(text) for text in [explain_timing(self._state)] if text]
        if self._keep is None or self._state.taken < before.taken:  # or the board was reset
            return said
        return said + [
            SamplesLost(self._recent.next, count, reason)
            for count, reason in (
                (self._state.lead_off - before.lead_off, "lead_off"),
                (self._state.overruns - before.overruns, "overrun"),
            )
            if count > 0
        ]
