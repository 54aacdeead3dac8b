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

import secrets
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from enum import Enum
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from tools.link import messages as m
from tools.link.events import Counters, Event, PortLost, Refused, Resumed
from tools.link.exchange import Exchange
from tools.link.flow import CONTROL, Outbound, at_or_after, completed, first_window_from
from tools.link.reports import Reports
from tools.link.timeouts import Timeouts
from tools.link.transport import PortLostError, SerialTransport, Transport
from training.errors import LinkError

Samples = npt.NDArray[np.int16]
Reply = TypeVar("Reply", bound=m.Message)


class _Mode(Enum):
    HELLO = "no answer to HELLO"
    READY = "a session, and no stream yet"
    RESTART = "no answer to RESTART"
    STREAM = "streaming"
    PORT_LOST = "the port is lost"
    CLOSED = "closed"


_NAP = 0.02  # seconds: the longest wait between two looks at the clock


def stream_id(name: str) -> int:
    """A number for a recording or sensor, never 0: a stream of the same name is taken up again."""
    return zlib.crc32(name.encode()) or 1


class Session:
    """The host's end of the link.

    Args:
        transport: an open line; the session closes it.
        reopen: opens the line again when it was lost; None: a lost port is an error.
        timeouts: how long to wait for what.
        capacity: samples that may be kept until the windows they belong to are reported.

    Raises:
        LinkError: nothing that speaks this protocol answers.
    """

    board: m.HelloReply
    """What the board said of itself at the last hello."""
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
        self._timeouts = timeouts or Timeouts()
        self._exchange = Exchange(transport, self._timeouts)
        self._reopen = reopen
        self._capacity = capacity
        self._id = secrets.randbits(32)
        self._events: deque[Event] = deque()
        self._mode = _Mode.HELLO
        self._enter(_Mode.HELLO)
        self._stream = 0
        self._fresh = True  # nothing has been streamed that could be resumed
        self._outbound: Outbound | None = None
        self._reports: Reports | None = None
        self._resend_asked = self._report_came = float("-inf")
        self._restart_sequence: int | None = None
        self._rebooted = False
        # What the board is to be set to before it gets samples, and what it is set to.
        self._watch, self._board_watch = 0, -1
        self._threshold: float | None = None
        self._settle_at = float("-inf")
        # A request that waits for its answer.
        self._request: m.Message | None = None
        self._request_at = float("-inf")
        self._answer: m.Message | None = None
        try:
            self._wait(lambda: self._mode is _Mode.READY)
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
    def port(self) -> str:
        """The transport's name."""
        return self._exchange.transport.name

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
        if self._mode is not _Mode.STREAM or out.acked < out.buffer.end:
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
        if self._outbound is not None:  # what the board said of its stream is history
            self._outbound = self._reports = None
            self._enter(_Mode.HELLO)
            self._wait(lambda: self._mode is _Mode.READY)
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
        self._wait(lambda: self._mode is _Mode.STREAM)
        return first

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
                yield from self.poll(_NAP if len(rest) else 0.0)
        while not self.done:
            yield from self.poll(_NAP)
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
        while not self._events and self._mode is not _Mode.CLOSED:
            left = deadline - self._now()
            if left <= 0:
                break
            self._pump(min(left, _NAP))
        events = list(self._events)
        self._events.clear()
        if self._reports is not None:
            self._reports.returned()
        return events

    def _confirm(self) -> None:
        if self._reports is not None:
            self._reports.handed()

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
        self._watch = m.WATCH_INPUT * input | m.WATCH_OUTPUT * output

    def reboot(self) -> None:
        """Asks the board to reset itself; `poll` takes the stream up again."""
        # The answer may be lost with the port: then the board is gone, which is as good.
        self._ask(m.Reboot(), m.GoodbyeReply, or_gone=True)
        if self._mode is not _Mode.PORT_LOST:
            self._enter(_Mode.HELLO)

    def close(self) -> None:
        """Says goodbye and gives the port back. Closing twice does no harm."""
        if self._mode is _Mode.CLOSED:
            return
        try:
            if self._mode in (_Mode.READY, _Mode.RESTART, _Mode.STREAM):
                self._say_goodbye()
        except LinkError:
            pass  # nobody there to say it to
        finally:
            self._mode = _Mode.CLOSED
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

    def _ask(self, request: m.Message, reply: type[Reply], *, or_gone: bool = False) -> Reply:
        def answered() -> bool:
            gone = or_gone and self._mode in (_Mode.HELLO, _Mode.PORT_LOST)
            return gone or isinstance(self._answer, (reply, m.Error))

        self._request, self._answer, self._request_at = request, None, float("-inf")
        try:
            self._wait(answered, self._timeouts.answer)
        finally:
            self._request = None
        if self._answer is None:
            return reply()
        if isinstance(self._answer, m.Error):
            raise LinkError(f"{self.port}: the board refuses {_explain(self._answer)}")
        assert isinstance(self._answer, reply)
        return self._answer

    # --- the machine ----------------------------------------------------------------------------

    def _now(self) -> float:
        return self._exchange.transport.now()

    def _started(self) -> Outbound:
        if self._outbound is None:
            raise LinkError("no stream has been started: call Session.start first")
        return self._outbound

    def _enter(self, mode: _Mode) -> None:
        self._mode = mode
        self._since = self._now()
        self._again = float("-inf")  # when to say again what the mode waits for

    def _wait(self, until: Callable[[], bool], limit: float | None = None) -> None:
        began = self._now()
        while not until():
            if self._mode is _Mode.CLOSED:
                raise LinkError(f"{self.port}: the session is closed")
            if limit is not None and self._now() - began > limit:
                raise LinkError(self._no_answer())
            self._pump(_NAP)

    def _pump(self, wait: float) -> None:
        if self._mode is _Mode.CLOSED:
            return
        if self._mode is _Mode.PORT_LOST:
            self._try_port(wait)
            return
        try:
            for message in self._exchange.receive(wait):
                self._take(message)
            self._act(self._now())
        except PortLostError as error:
            if self._reopen is None:
                raise
            self._events.append(PortLost(str(error)))
            self._exchange.transport.close()
            self._enter(_Mode.PORT_LOST)
            self._lost_at = time.monotonic()
        self._events.extend(self._exchange.texts)
        self._exchange.texts.clear()

    def _try_port(self, wait: float) -> None:
        assert self._reopen is not None
        try:
            self._exchange.attach(self._reopen())
        except LinkError:
            if time.monotonic() - self._lost_at > self._timeouts.port:
                raise
            time.sleep(min(max(wait, 0.001), self._timeouts.reconnect))
        else:
            self._enter(_Mode.HELLO)

    # --- sending --------------------------------------------------------------------------------

    def _act(self, now: float) -> None:
        if self._mode is _Mode.HELLO:
            self._act_hello(now)
            return
        owed = self._exchange.owed_since
        if owed is not None and now - owed > self._timeouts.silence:
            self._exchange.counters.resumed += 1
            self._enter(_Mode.HELLO)
            return
        if self._exchange.line.overdue(now):
            self._exchange.counters.timeouts += 1
            self._exchange.line.give_up()
            if self._outbound is not None:
                self._outbound.go_back(self._exchange.sequence)
            if self._reports is not None:
                self._reports.again = True  # at the least, it makes the board speak
        if self._mode is _Mode.RESTART and self._settled(now):
            self._act_restart(now)
        if self._request is not None and now >= self._request_at and self._fits(CONTROL):
            self._request_at = now + self._timeouts.reply
            self._exchange.send(self._request)
        if self._mode is _Mode.STREAM:
            self._acknowledge_reports(now)
            if self._settled(now):
                self._send_samples()
        if now - self._exchange.spoke >= self._timeouts.keepalive:
            window = self._reports.acknowledged() if self._reports is not None else 0
            self._exchange.send(m.ReportAck(window))

    def _act_hello(self, now: float) -> None:
        if now - self._since > self._timeouts.open:
            raise LinkError(self._no_answer())
        if now >= self._again:
            self._again = now + self._timeouts.hello
            self._exchange.line.clear()
            self._exchange.send(m.Hello(session=self._id))

    def _act_restart(self, now: float) -> None:
        assert self._outbound is not None and self._reports is not None
        if now >= self._again:
            self._again = now + self._timeouts.reply
            self._restart_sequence = self._exchange.send(
                m.Restart(self._stream, self._outbound.acked, self._reports.next_window)
            )

    def _settled(self, now: float) -> bool:
        """The board is set as wanted; if not, it is told so again from time to time."""
        watch = self._board_watch == self._watch
        threshold = self._threshold is None or self.board.threshold == self._threshold
        if not (watch and threshold) and now >= self._settle_at and self._fits(2 * CONTROL):
            self._settle_at = now + self._timeouts.reply
            if not watch:
                self._exchange.send(m.Watch(self._watch))
            if not threshold and self._threshold is not None:
                self._exchange.send(m.ThresholdSet(self._threshold))
        return watch and threshold

    def _acknowledge_reports(self, now: float) -> None:
        assert self._reports is not None
        assert self._outbound is not None
        wait = self._exchange.line.wait
        made = completed(self._outbound.acked, self.board.window, self.board.hop)
        late = made > self._reports.next_window and now - self._report_came > wait
        ask = (self._reports.missed or late) and now - self._resend_asked > wait
        if not (ask or self._reports.due) or not self._fits(CONTROL):
            return
        self._exchange.send(m.ReportAck(self._reports.acknowledged(), int(ask)))
        if ask:
            self._resend_asked = now

    def _fits(self, size: int) -> bool:
        return self._exchange.line.fits(size)

    def _send_samples(self) -> None:
        assert self._outbound is not None
        while self._fits(self._outbound.frame_size + CONTROL):
            taken = self._outbound.take()
            if taken is None:
                return
            message, again = taken
            self._exchange.counters.resent += again
            self._outbound.sent(self._exchange.send(message))

    # --- receiving ------------------------------------------------------------------------------

    def _take(self, message: m.Message) -> None:
        if isinstance(message, m.HelloReply):
            self._take_hello(message)
        elif self._mode is _Mode.HELLO:
            if isinstance(message, m.Error) and message.code == m.ErrorCode.VERSION:
                raise LinkError(f"{self.port}: {_explain_versions(message.detail)}")
        elif isinstance(message, m.Ack):
            self._take_ack(message)
        elif isinstance(message, m.Error):
            self._take_error(message)
        elif isinstance(message, m.Score | m.Lost | m.Window):
            if self._mode is _Mode.STREAM:
                self._take_report(message)
        else:
            if isinstance(message, m.Threshold):
                self.board = replace(self.board, threshold=message.value)
            if self._request is not None:
                self._answer = message

    def _take_hello(self, reply: m.HelloReply) -> None:
        if reply.session != self._id or self._mode is not _Mode.HELLO:
            return
        if self._stream and self._changed(reply):
            raise LinkError(
                f"{self.port}: the board has another model now ({reply.model} instead of "
                f"{self.board.model}); start again"
            )
        if not (reply.window and reply.hop and 0 < 2 * reply.channels <= reply.max_payload - 8):
            raise LinkError(
                f"{self.port}: the board says that it takes windows of {reply.window} samples, "
                f"{reply.hop} apart, of {reply.channels} channels: flash it with 'make flash'"
            )
        self._rebooted = self._stream != 0 and reply.stream != self._stream
        self.board = reply
        self._exchange.line.clear()
        self._exchange.line.credit = reply.credit
        self._board_watch = -1  # whatever it is, it will be told again
        if self._outbound is None:
            self._enter(_Mode.READY)
        else:
            self._take_up(reply)

    def _changed(self, reply: m.HelloReply) -> bool:
        return any(
            getattr(reply, name) != getattr(self.board, name)
            for name in ("model_hash", "window", "hop", "channels")
        )

    def _take_up(self, board: m.HelloReply) -> None:
        """Goes on with a board that holds this stream, or makes it start where we stand."""
        out, reports = self._outbound, self._reports
        assert out is not None and reports is not None
        keeps = board.stream == self._stream and board.next_window <= reports.next_window
        if keeps and out.buffer.start <= board.next_sample:
            out.rewind(max(board.next_sample, out.acked))
            out.limit_to(board.reports)
            reports.again = True
            self._enter(_Mode.STREAM)
            self._resumed()
        else:
            first = reports.next_window * board.hop
            out.rewind(min(max(first, out.buffer.start), out.buffer.end))
            self._enter(_Mode.RESTART)

    def _resumed(self) -> None:
        assert self._outbound is not None and self._reports is not None
        acked, window = self._outbound.acked, self._reports.next_window
        if not self._fresh:
            self._events.append(Resumed(acked, window, self._rebooted))
        self._fresh = self._rebooted = False

    def _take_ack(self, ack: m.Ack) -> None:
        now = self._now()
        self._exchange.line.read_up_to(ack.heard, now)
        self._board_watch = ack.watch
        out = self._outbound
        if out is None or self._reports is None:
            return
        if self._mode is _Mode.RESTART:
            told = self._restart_sequence
            if told is None or not at_or_after(ack.heard, told):
                return
            if (ack.stream, ack.next_sample) != (self._stream, out.acked):
                return
            self._restart_sequence = None
            out.limit_to(ack.room)
            out.last_lost = max(out.last_lost, first_window_from(out.acked, self.board.hop))
            self._enter(_Mode.STREAM)
            self._resumed()
            return
        if self._mode is not _Mode.STREAM:
            return
        if ack.stream != self._stream:
            self._enter(_Mode.HELLO)
            return
        self._exchange.counters.samples += out.acknowledged(ack)
        out.buffer.drop_before(min(out.acked, self._reports.next_window * self.board.hop))
        if ack.reason == m.AckReason.DAMAGED:
            self._exchange.line.damaged()
        if out.behind(ack):
            out.go_back(self._exchange.sequence)

    def _take_error(self, error: m.Error) -> None:
        if error.code in (m.ErrorCode.CLOSED, m.ErrorCode.NO_STREAM):
            if self._mode is _Mode.STREAM or error.code == m.ErrorCode.CLOSED:
                self._exchange.counters.resumed += 1
                self._enter(_Mode.HELLO)
        elif self._mode is _Mode.RESTART and error.type == m.Restart.TYPE:
            raise LinkError(f"{self.port}: the board refuses {_explain(error)}")
        elif self._request is not None and error.type == self._request.TYPE:
            self._answer = error
        else:
            self._events.append(Refused(error.code, error.type, error.detail))

    def _take_report(self, message: m.Score | m.Lost | m.Window) -> None:
        assert self._reports is not None and self._outbound is not None
        self._report_came = self._now()
        end = message.window + (message.count if isinstance(message, m.Lost) else 1)
        sent = max(self._outbound.buffer.end, self._outbound.acked)
        if end > first_window_from(sent, self.board.hop):  # of samples that nobody sent
            self._exchange.counters.refused += 1
            return
        if isinstance(message, m.Window):
            self._reports.window(message)
            return
        event = (
            self._reports.score(message)
            if isinstance(message, m.Score)
            else self._reports.lost(message)
        )
        if event is not None:
            self._events.append(event)

    def _no_answer(self) -> str:
        counters = self._exchange.counters
        if self._mode is _Mode.HELLO and counters.received == 0:
            said = self._exchange.unfinished()
            if said:
                return f"{self.port}: no Vigil firmware answers there; it says '{said[-60:]}'"
            if counters.corrupt:
                return (
                    f"{self.port}: what comes back is not Vigil's link ({counters.corrupt} damaged "
                    "pieces): other firmware on the board, or serial noise"
                )
            return (
                f"{self.port}: the board does not answer; wrong port, wrong firmware "
                "(flash it with 'make flash'), or a board that is stuck (press its reset button)"
            )
        return (
            f"{self.port}: the board does not answer any more ({self._mode.value}; "
            f"{counters.received} good frames before, {counters.corrupt} damaged: "
            f"{'possible serial noise' if counters.corrupt else 'unplugged, reset or stuck'})"
        )


def _explain(error: m.Error) -> str:
    cls = m.BY_TYPE.get(error.type)
    what = m.name_of(cls) if cls else f"type 0x{error.type:02x}"
    known = error.code in set(m.ErrorCode)
    why = m.ErrorCode(error.code).name.lower().replace("_", " ") if known else f"code {error.code}"
    return f"{what} ({why}, detail {error.detail})"


def _explain_versions(detail: int) -> str:
    newest, oldest = detail >> 8 & 0xFF, detail & 0xFF
    ours = f"this program speaks {m.OLDEST_PROTOCOL} to {m.PROTOCOL}"
    remedy = "update this program" if oldest > m.PROTOCOL else "flash the board with 'make flash'"
    return f"the board speaks link protocol {oldest} to {newest}, {ours}: {remedy}"
