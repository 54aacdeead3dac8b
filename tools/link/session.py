"""A session with a board: samples down, every window's report up, nothing lost in silence.

One thread, no callbacks. `Session.poll` reads, acts and returns events; the blocking calls
(`statistics`, `set_threshold`, ...) keep the stream going while they wait, and leave their events
for the next `poll`. A program with windows to draw runs the session in a thread of its own and
passes the events on through a queue.

    with Session.open("/dev/ttyACM0") as session:
        first = session.start(stream_id("recording.csv"))
        for event in session.stream(counts[first:]):
            print(event)
"""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from tools.link import messages as m
from tools.link.events import Counters, Event
from tools.link.explain import explain_error, explain_sensor
from tools.link.flow import Outbound, completed, first_window_from
from tools.link.machine import NAP, Machine, Mode
from tools.link.reports import Reports
from tools.link.sampled import OwnSamples
from tools.link.timeouts import Timeouts
from tools.link.transport import SerialTransport, Transport
from training.bundle.errors import LinkError

Samples = npt.NDArray[np.int16]
Reply = TypeVar("Reply", bound=m.Message)


def stream_id(name: str) -> int:
    """A number for a recording or sensor, never 0: a stream of the same name is taken up again."""
    return zlib.crc32(name.encode()) or 1


class Session(Machine):
    """The host's end of the link.

    Args:
        transport: an open line; the session closes it.
        reopen: opens the line again when it was lost; None: a lost port is an error.
        timeouts: how long to wait for what.
        capacity: samples that may be kept until the windows they belong to are reported.

    Raises:
        LinkError: nothing that speaks this protocol answers.
    """

    boot: m.BootReport
    """What it found out about itself when it started."""

    def __init__(
        self,
        transport: Transport,
        *,
        reopen: Callable[[], Transport] | None = None,
        timeouts: Timeouts | None = None,
        capacity: int = 1 << 16,
    ) -> None:
        super().__init__(transport, reopen, timeouts or Timeouts())
        self._capacity = capacity
        try:
            self._wait(lambda: self._mode is Mode.READY)
            self.boot_report()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(
        cls, port: str, *, timeouts: Timeouts | None = None, capacity: int = 1 << 16
    ) -> "Session":
        """A session over a serial port, which is opened again when it vanishes.

        Raises:
            LinkError: the port cannot be opened, or no board answers on it.
        """
        limits = timeouts or Timeouts()

        def opener() -> SerialTransport:
            return SerialTransport(port, write_timeout=limits.write)

        return cls(opener(), reopen=opener, timeouts=limits, capacity=capacity)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:  # or else the last events may not have been dealt with
            self._confirm()
        self.close()

    # --- what there is to know ------------------------------------------------------------------

    @property
    def counters(self) -> Counters:
        """A copy of the host's counters."""
        return replace(self._exchange.counters)

    @property
    def next_sample(self) -> int:
        """Absolute index of the sample that `offer` takes next."""
        return self._outbound.buffer.end if self._outbound else 0

    @property
    def next_window(self) -> int:
        """The next window to be reported."""
        return self._reports.next_window if self._reports else 0

    @property
    def room(self) -> int:
        """Samples that `offer` takes now."""
        return self._outbound.buffer.room if self._outbound else 0

    @property
    def done(self) -> bool:
        """The board has taken every sample and reported every window that they complete."""
        out, reports = self._outbound, self._reports
        if out is None or reports is None:
            return True
        if self._mode is not Mode.STREAM or out.acked < out.buffer.end:
            return False
        due = completed(out.buffer.end, self.board.window, self.board.hop)
        return reports.next_window >= max(due, out.last_lost)

    # --- the stream -----------------------------------------------------------------------------

    def start(self, stream: int, first: int = 0, *, window: int | None = None) -> int:
        """Begins `stream`, or takes it up where the board stands, if it is the board's own.

        Args:
            stream: not 0; `stream_id` makes one from a name.
            first: absolute index of the first sample, where the stream begins anew.
            window: the first window that is wanted, by a program that has kept the reports of
                those before; None: all from `first` on that nobody has acknowledged.

        Returns:
            Absolute index of the sample to offer first. For a stream taken up this is the first
            sample of the first window that is wanted: the board holds some of what follows
            already, but a reset would make it forget.

        Raises:
            LinkError: the board does not answer, or `stream` is no stream's number.
        """
        if not 0 < stream < 1 << 32:
            raise LinkError(f"a stream's number is from 1 to 2**32 - 1, not {stream}")
        self._forget_stream()
        board = self.board
        self._stream = stream
        self._fresh = board.stream != stream and window is None
        if window is None and board.stream == stream:
            window = board.next_window
        if window is None:
            window = first_window_from(first, board.hop)
        else:
            first = window * board.hop
            if board.stream == stream:
                first = min(first, board.next_sample)
        self._outbound = Outbound(board, first, self._capacity)
        self._reports = Reports(window, board.window * board.channels, self._exchange.counters)
        self._take_up(board)
        self._wait(lambda: self._mode is Mode.STREAM)
        return first

    def _forget_stream(self) -> None:
        if self._reports is not None:  # what the board said of its stream is history
            self._outbound = self._reports = self._own = None
            self._watch &= ~m.WATCH_SAMPLES
            self._enter(Mode.HELLO)
            self._wait(lambda: self._mode is Mode.READY)

    def start_sampling(self, stream: int, *, samples: bool = True) -> None:
        """Makes the board sample itself, from sample 0 on; `poll` gives what it scores.

        After a reset of the board it begins again, at the sample that is due by this machine's
        clock.

        Args:
            stream: not 0, and another one than the board's last.
            samples: whether `poll` gives the samples, too, as `Sampled`.

        Raises:
            LinkError: the board has no sensor of its own, or its firmware knows no such thing.
        """
        if not 0 < stream < 1 << 32:
            raise LinkError(f"a stream's number is from 1 to 2**32 - 1, not {stream}")
        self._forget_stream()
        if self.sampling().state == m.SensorState.ABSENT:
            raise LinkError(f"{self.port}: {explain_sensor(m.SensorState.ABSENT)}")
        board = self.board
        self._stream, self._fresh = stream, True
        self._watch = self._watch & ~m.WATCH_SAMPLES | m.WATCH_SAMPLES * samples
        self._own = OwnSamples(0, 2 * board.channels, samples)
        self._reports = Reports(0, board.window * board.channels, self._exchange.counters)
        self._enter(Mode.RESTART)
        self._wait(lambda: self._mode is Mode.STREAM)

    def stop_sampling(self) -> m.Sampling:
        """Stops the board's own sensor; what it took before is still scored and sent."""
        return self._ask(m.SamplingStop(), m.Sampling)

    def sampling(self) -> m.Sampling:
        """What the board says of its own sensor.

        Raises:
            LinkError: its firmware is older than that.
        """
        return self._ask(
            m.SamplingGet(),
            m.Sampling,
            unknown="its firmware cannot sample by itself: flash it again ('make flash')",
        )

    def offer(self, samples: Samples) -> int:
        """Takes samples at `next_sample`, as many as there is `room` for, and returns how many.

        Args:
            samples: int16 [n] or [n, channels].

        Raises:
            LinkError: another dtype or shape, or no stream has been started.
        """
        out, data = self._started(), np.asarray(samples)
        if data.dtype != np.int16:
            raise LinkError(f"samples are int16 counts, not {data.dtype}")
        if data.ndim == 1:
            data = data.reshape(-1, 1)
        if data.ndim != 2 or data.shape[1] != self.board.channels:
            raise LinkError(
                f"samples of shape {np.shape(samples)} are not for this board, "
                f"which takes {self.board.channels} channel(s)"
            )
        count = min(len(data), out.buffer.room)
        out.buffer.append(data[:count].astype("<i2", copy=False).tobytes())
        return count

    def skip(self, count: int) -> None:
        """The next `count` samples will never come; the windows that they touch are lost."""
        out = self._started()
        out.skip_to(out.buffer.end + count)

    def stream(self, samples: Samples | Iterable[Samples]) -> Iterator[Event]:
        """Sends all of `samples` and yields events until every window has been reported.

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

    def poll(self, timeout: float = 0.0) -> list[Event]:
        """Reads, acts, and returns what happened.

        Args:
            timeout: seconds to wait for the first event.

        Raises:
            LinkError: the board does not answer any more, or the port is gone for good.
        """
        deadline = self._now() + timeout
        self._confirm()
        self._pump(0.0)
        while not self._events and self._mode is not Mode.CLOSED:
            left = deadline - self._now()
            if left <= 0:
                break
            self._pump(min(left, NAP))
        events = list(self._events)
        self._events.clear()
        for each in (self._reports, self._own):
            if each is not None:
                each.returned()
        return events

    def _confirm(self) -> None:
        for each in (self._reports, self._own):
            if each is not None:
                each.handed()

    # --- requests -------------------------------------------------------------------------------

    def statistics(self) -> m.Statistics:
        """The board's counters."""
        return self._ask(m.StatisticsGet(), m.Statistics)

    def threshold(self) -> m.Threshold:
        """The board's threshold."""
        return self._ask(m.ThresholdGet(), m.Threshold)

    def set_threshold(self, value: float) -> m.Threshold:
        """Sets the board's threshold. The session sets it again after a reset of the board.

        Raises:
            LinkError: the board refuses the value.
        """
        before, self._threshold = self._threshold, None
        try:
            answer = self._ask(m.ThresholdSet(float(np.float32(value))), m.Threshold)
            before = answer.value
        finally:
            self._threshold = before
        return answer

    def boot_report(self) -> m.BootReport:
        """Asks (again) for what the board found out when it started."""
        self.boot = self._ask(m.BootGet(), m.BootReport)
        return self.boot

    def watch(self, *, input: bool = False, output: bool = False) -> None:
        """From the next samples sent on, `Scored` carries the windows' int8 input and output."""
        samples = self._watch & m.WATCH_SAMPLES
        self._watch = m.WATCH_INPUT * input | m.WATCH_OUTPUT * output | samples

    def reboot(self) -> None:
        """Asks the board to reset itself; `poll` takes the stream up again."""
        # The answer may be lost with the port: then the board is gone, which is as good.
        self._ask(m.Reboot(), m.GoodbyeReply, or_gone=True)
        if self._mode is not Mode.PORT_LOST:
            self._enter(Mode.HELLO)

    def close(self) -> None:
        """Says goodbye and gives the port back. Closing twice does no harm."""
        if self._mode is Mode.CLOSED:
            return
        try:
            if self._mode in (Mode.READY, Mode.RESTART, Mode.STREAM):
                self._say_goodbye()
        except LinkError:
            pass  # nobody there to say it to
        finally:
            self._mode = Mode.CLOSED
            self._exchange.transport.close()

    def _say_goodbye(self) -> None:
        if self._reports is not None and self._reports.due:
            self._exchange.send(m.ReportAck(self._reports.acknowledged()))
        for _ in range(3):
            self._exchange.send(m.Goodbye())
            deadline = self._now() + self._timeouts.goodbye
            while (left := deadline - self._now()) > 0:
                if any(isinstance(x, m.GoodbyeReply) for x in self._exchange.receive(left)):
                    return
            if self.abandon():
                return

    def _ask(
        self,
        request: m.Message,
        reply: type[Reply],
        *,
        or_gone: bool = False,
        unknown: str | None = None,
    ) -> Reply:
        def answered() -> bool:
            gone = or_gone and self._mode in (Mode.HELLO, Mode.PORT_LOST)
            return gone or isinstance(self._answer, (reply, m.Error))

        self._request, self._answer, self._request_at = request, None, float("-inf")
        try:
            self._wait(answered, self._timeouts.answer)
        finally:
            self._request = None
        if self._answer is None:
            return reply()
        if isinstance(self._answer, m.Error):
            if unknown is not None and self._answer.code == m.ErrorCode.UNKNOWN_TYPE:
                raise LinkError(f"{self.port}: {unknown}")
            raise LinkError(f"{self.port}: the board refuses {explain_error(self._answer)}")
        assert isinstance(self._answer, reply)
        return self._answer

    def _started(self) -> Outbound:
        if self._outbound is None:
            raise LinkError("no stream has been started: call Session.start first")
        return self._outbound
