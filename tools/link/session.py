"""A session with a board over a serial port: samples down, a report for every window up.

It uses one thread and no callbacks. `Session.poll` reads, acts and returns events. The blocking
calls (`statistics`, `set_threshold`, ...) keep the stream going while they wait, and leave their
events for the next `poll`. A program that draws should run the session in a thread of its own and
pass events through a queue.

    with Session.open("/dev/ttyACM0") as session:
        first = session.start(stream_id("recording.csv"))
        for event in session.stream(counts[first:]):
            print(event)
"""

import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Self

import numpy as np
import numpy.typing as npt

from tools.link import messages as m
from tools.link.connection import NAP, Connection
from tools.link.events import Counters, Event
from tools.link.explain import explain_sensor, explain_stranger
from tools.link.grid import first_window_from
from tools.link.protocol import Mode
from tools.link.requests import Requests
from tools.link.streams import HostStream, SensorStream
from tools.link.timeouts import Timeouts
from tools.link.transport import SerialTransport, Transport
from training.bundle.errors import LinkError

Samples = npt.NDArray[np.int16]
Settle = Callable[[], None] | None


def stream_id(name: str) -> int:
    """Return a stream's number for the name of a recording or sensor; never 0.

    The same name gives the same number, so that a new session can resume the stream.
    """
    return zlib.crc32(name.encode()) or 1


class Session(Requests):
    """The host's side of the link.

    Args:
        transport: an open line; the session closes it.
        reopen: opens the line again after it was lost; None: a lost port is an error.
        capacity: samples that may be kept until their windows are reported.

    Raises:
        LinkError: no board with this protocol answers.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        reopen: Callable[[], Transport] | None = None,
        timeouts: Timeouts | None = None,
        capacity: int = 1 << 16,
    ) -> None:
        self._timeouts = timeouts or Timeouts()
        self._capacity = capacity
        self._connection = Connection(transport, reopen, self._timeouts)
        self._protocol, self._exchange = self._connection.protocol, self._connection.exchange
        try:
            self._connection.wait(lambda: self._protocol.mode is Mode.READY)
            self.boot_report()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(
        cls,
        port: str,
        *,
        timeouts: Timeouts | None = None,
        capacity: int = 1 << 16,
        find: Callable[[], str] | None = None,
    ) -> "Session":
        """Open a session over a serial port, which is opened again when it vanishes.

        Args:
            find: returns the port's present name, which may change when the board is plugged in
                again; None: it is always `port`.

        Raises:
            LinkError: the port cannot be opened, or no board answers on it.
        """
        limits = timeouts or Timeouts()

        def opener() -> SerialTransport:
            name = port if find is None else find()
            return SerialTransport(name, write_timeout=limits.write)

        return cls(opener(), reopen=opener, timeouts=limits, capacity=capacity)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:  # after an exception, the last events may not have been processed
            self._confirm()
        self.close()

    # --- state ----------------------------------------------------------------------------------

    @property
    def port(self) -> str:
        """Name of the transport."""
        return self._connection.port

    @property
    def abandon(self) -> Callable[[], bool]:
        """Called while a call waits for the board; True ends the wait with a LinkError."""
        return self._connection.abandon

    @abandon.setter
    def abandon(self, abandon: Callable[[], bool]) -> None:
        self._connection.abandon = abandon

    @property
    def board(self) -> m.HelloReply:
        """The board's description in its last HELLO_REPLY."""
        return self._protocol.board

    @property
    def answers(self) -> bool:
        """The board is connected, as far as is known: a request may be answered."""
        return self._protocol.mode in (Mode.READY, Mode.STREAM)

    @property
    def stranger(self) -> str:
        """What the port sends in place of Vigil's frames since it was opened; empty if unknown."""
        return explain_stranger(self._exchange)

    def retry(self) -> None:
        """Try to reach a board that is away now, not at the next regular attempt."""
        self._connection.retry()

    @property
    def counters(self) -> Counters:
        """A copy of the host's counters."""
        return replace(self._exchange.counters)

    @property
    def next_sample(self) -> int:
        """Absolute index of the sample that `offer` takes, or `Sampled` brings, next."""
        return self._protocol.stream.next_sample if self._protocol.stream else 0

    @property
    def next_window(self) -> int:
        """The next window to be reported."""
        return self._protocol.stream.reports.next if self._protocol.stream else 0

    @property
    def room(self) -> int:
        """Number of samples that `offer` takes now."""
        stream = self._protocol.stream
        return stream.room if isinstance(stream, HostStream) else 0

    @property
    def done(self) -> bool:
        """The board has taken every sample and reported every window that they complete."""
        stream = self._protocol.stream
        if not isinstance(stream, HostStream):
            return True
        return self._protocol.mode is Mode.STREAM and stream.done

    # --- the stream -----------------------------------------------------------------------------

    def start(self, stream: int, first: int = 0, *, window: int | None = None) -> int:
        """Begin a stream of samples, or resume it if the board holds it.

        Args:
            stream: number of the stream, not 0; `stream_id` makes one from a name.
            first: absolute index of the first sample of a new stream.
            window: the first window that is wanted, for a program that has kept the reports of
                earlier ones; None: the first window from `first` on that is not acknowledged.

        Returns:
            Absolute index of the sample to offer first. For a resumed stream, this is the first
            sample of the first window that is wanted. The board holds some of the samples that
            follow, but would lose them in a reset.

        Raises:
            LinkError: the board does not answer, or the number is not valid.
        """
        self._prepare(stream)
        board = self.board
        fresh = board.stream != stream and window is None
        if window is None and board.stream == stream:
            window = board.next_window
        if window is None:
            window = first_window_from(first, board.hop)
        else:
            first = window * board.hop
            if board.stream == stream:
                first = min(first, board.next_sample)
        begun = HostStream(
            *(stream, window, board, self._exchange, self._protocol.events.append),
            start=first,
            capacity=self._capacity,
        )
        self._protocol.begin(begun, self._connection.now(), fresh=fresh)
        self._connection.wait(lambda: self._protocol.mode is Mode.STREAM)
        return first

    def start_sampling(self, stream: int, *, samples: bool = True, resume: bool = False) -> None:
        """Start the on-board sensor at sample 0; `poll` returns its scores.

        After a reset of the board, it continues at the index that is due by the host's clock.

        Args:
            stream: number of the stream; not 0, and not the number of the board's last stream.
            samples: whether `poll` also returns the samples, as `Sampled`.
            resume: the board samples this stream: continue at its first unacknowledged window.

        Raises:
            LinkError: the board has no sensor, or its firmware does not support sampling.
        """
        self._prepare(stream)
        if self.sampling().state == m.SensorState.ABSENT:
            raise LinkError(f"{self.port}: {explain_sensor(m.SensorState.ABSENT)}")
        self._protocol.watch = self._protocol.watch & ~m.WATCH_SAMPLES | m.WATCH_SAMPLES * samples
        begun = SensorStream(
            *(stream, self.board, self._exchange, self._protocol.events.append),
            watched=samples,
            timeouts=self._timeouts,
            resume=resume,
        )
        self._protocol.begin(begun, self._connection.now(), fresh=True)
        self._connection.wait(lambda: self._protocol.mode is Mode.STREAM)

    def _prepare(self, stream: int) -> None:
        if not 0 < stream < 1 << 32:
            raise LinkError(f"the number of a stream must be from 1 to 2**32 - 1, not {stream}")
        if self._protocol.stream is not None:  # the board's position is out of date
            self._protocol.forget_stream(self._connection.now())
            self._connection.wait(lambda: self._protocol.mode is Mode.READY)

    def stop_sampling(self) -> m.Sampling:
        """Stop the on-board sensor; samples taken before are still scored and sent."""
        return self._connection.ask(m.SamplingStop(), m.Sampling)

    def sampling(self) -> m.Sampling:
        """Return the state of the on-board sensor.

        Raises:
            LinkError: the board's firmware does not support sampling.
        """
        return self._connection.ask(
            m.SamplingGet(),
            m.Sampling,
            unknown="the board's firmware cannot sample a sensor: flash it again ('make flash')",
        )

    def offer(self, samples: Samples) -> int:
        """Take samples at `next_sample`, as many as `room` allows; return their number.

        Args:
            samples: int16 [n] or [n, channels].

        Raises:
            LinkError: the dtype or shape is wrong, or no stream has been started.
        """
        stream, data = self._host_stream(), np.asarray(samples)
        if data.dtype != np.int16:
            raise LinkError(f"samples must be int16 counts, not {data.dtype}")
        if data.ndim == 1:
            data = data.reshape(-1, 1)
        if data.ndim != 2 or data.shape[1] != self.board.channels:
            raise LinkError(
                f"samples of shape {np.shape(samples)} do not fit this board, "
                f"which takes {self.board.channels} channel(s)"
            )
        count = min(len(data), stream.room)
        stream.append(data[:count].astype("<i2", copy=False).tobytes())
        return count

    def skip(self, count: int) -> None:
        """Leave a gap of `count` samples; the windows that it touches are lost."""
        self._host_stream().skip(count)

    def _host_stream(self) -> HostStream:
        stream = self._protocol.stream
        if not isinstance(stream, HostStream):
            raise LinkError("no stream has been started: call Session.start first")
        return stream

    def stream(self, samples: Samples | Iterable[Samples]) -> Iterator[Event]:
        """Send all samples, and yield events until every window has been reported.

        Args:
            samples: int16 [n] or [n, channels], or an iterable of such, from `next_sample` on.
        """
        for chunk in [samples] if isinstance(samples, np.ndarray) else samples:
            rest = chunk
            while len(rest):
                rest = rest[self.offer(rest) :]
                yield from self.poll(NAP if len(rest) else 0.0)
        while not self.done:
            yield from self.poll(NAP)
        self._confirm()

    def poll(self, timeout: float = 0.0, settle: Settle = None) -> list[Event]:
        """Read, act, and return the events.

        Args:
            timeout: seconds to wait for the first event.
            settle: waits until the program has processed the events of earlier calls. It is called
                when the next ones have arrived or the timeout is over; before, if a keepalive is
                due or the board has little memory left for reports. None: they are processed.

        Raises:
            LinkError: the board no longer answers, or the port did not come back.
        """
        if settle is None or self._settle_by() <= self._connection.now():
            self._confirm(settle)
        deadline, events = self._connection.now() + timeout, self._protocol.events
        self._connection.pump(0.0)  # what came while the program was busy is not late
        while not events and self._protocol.mode is not Mode.CLOSED:
            left = min(deadline, self._settle_by()) - self._connection.now()
            if left <= 0:
                break
            self._connection.pump(min(left, self._connection.nap))
        if settle is not None:
            self._confirm(settle)
        new = list(events)
        events.clear()
        if self._protocol.stream is not None:
            self._protocol.stream.hand_over()
        return new

    def _settle_by(self) -> float:
        """Return when the program must have processed what `poll` returned; inf: it has.

        That is now if the reports fill half of the board's memory, or else shortly before a
        keepalive: one that acknowledges nothing new makes the board send the reports again.
        """
        stream = self._protocol.stream
        if stream is None or not stream.reports.unconfirmed:
            return math.inf
        if 2 * stream.reports.unacknowledged >= self.board.reports:
            return -math.inf
        return self._exchange.sent_at + self._timeouts.keepalive - NAP

    def _confirm(self, settle: Settle = None) -> None:
        if settle is not None:
            settle()
        if self._protocol.stream is not None:
            self._protocol.stream.confirm()

    # --- settings -------------------------------------------------------------------------------

    def watch(
        self, *, input: bool = False, output: bool = False, sizes: tuple[int, int] | None = None
    ) -> None:
        """Request the windows' int8 input and output in `Scored`, from the next samples on.

        `sizes` are the lengths of input and output of the board's model; None: window * channels.
        """
        self._exchange.watched_bytes.clear()
        if sizes is not None:
            self._exchange.watched_bytes |= {m.WATCH_INPUT: sizes[0], m.WATCH_OUTPUT: sizes[1]}
        samples = self._protocol.watch & m.WATCH_SAMPLES
        self._protocol.watch = m.WATCH_INPUT * input | m.WATCH_OUTPUT * output | samples

    def reboot(self) -> None:
        """Reset the board; `poll` then resumes the stream."""
        # If the answer is lost with the port, the board has reset all the same.
        self._connection.ask(m.Reboot(), m.GoodbyeReply, or_lost=True)
        if self._protocol.mode is not Mode.PORT_LOST:
            self._protocol.enter(Mode.HELLO, self._connection.now())

    def close(self) -> None:
        """Send GOODBYE and close the port. A second call has no effect."""
        self._connection.close()
