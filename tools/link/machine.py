"""The host's side of the link as a state machine: what docs/link.md says of its states.

`Machine` is driven by `_pump` alone, which reads, acts and returns. `Session` is what programs use.
"""

import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import Enum

from tools.link import messages as m
from tools.link.events import Event, PortLost, Refused, Resumed, Silent
from tools.link.exchange import Exchange
from tools.link.explain import explain_error, explain_sensor, explain_silence, explain_versions
from tools.link.flow import (
    CONTROL,
    INDEX_SIZE,
    Outbound,
    at_or_after,
    completed,
    first_window_from,
)
from tools.link.frames import MAX_PAYLOAD
from tools.link.reports import Reports
from tools.link.sampled import OwnSamples
from tools.link.timeouts import Timeouts
from tools.link.transport import PortLostError, Transport
from training.bundle.errors import LinkError


class Mode(Enum):
    """Where a session stands, in words that fit an error message."""

    HELLO = "no answer to HELLO"
    READY = "a session, and no stream yet"
    RESTART = "no answer to RESTART"
    STREAM = "streaming"
    PORT_LOST = "the port is lost"
    CLOSED = "closed"


NAP = 0.02  # seconds: the longest wait between two looks at the clock


class Machine:
    """The states, what is sent in each, and what each message does."""

    board: m.HelloReply
    """What the board said of itself at the last hello."""

    def __init__(
        self,
        transport: Transport,
        reopen: Callable[[], Transport] | None,
        timeouts: Timeouts,
    ) -> None:
        self._timeouts = timeouts
        self._exchange = Exchange(transport, self._timeouts)
        self._reopen = reopen
        self.abandon: Callable[[], bool] = lambda: False
        """Asked while a call waits for the board: whether to wait no longer (LinkError)."""
        self._id = secrets.randbits(32)
        self._events: deque[Event] = deque()
        self._mode = Mode.HELLO
        self._enter(Mode.HELLO)
        self._stream = 0
        self._fresh = True  # nothing has been streamed that could be resumed
        self._outbound: Outbound | None = None
        self._reports: Reports | None = None
        self._own: OwnSamples | None = None  # in place of _outbound, while the board samples itself
        self._sampled_asked = self._sampled_came = float("-inf")
        self._resend_asked = self._report_came = float("-inf")
        self._restart_sequence: int | None = None
        self._rebooted = False
        self._damage_before = 0  # when the last report came; -1: nobody counted
        self._heard_at = self._now()  # since when nothing is known of the board's own samples
        # What the board is to be set to before it gets samples, and what it is set to.
        self._watch, self._board_watch = 0, -1
        self._threshold: float | None = None
        self._settle_at = float("-inf")
        # A request that waits for its answer.
        self._request: m.Message | None = None
        self._request_at = float("-inf")
        self._answer: m.Message | None = None

    @property
    def port(self) -> str:
        """The transport's name."""
        return self._exchange.transport.name

    @property
    def answers(self) -> bool:
        """Whether the board is there, as far as is known: a request may be answered."""
        return self._mode in (Mode.READY, Mode.STREAM)

    def _now(self) -> float:
        return self._exchange.transport.now()

    def _enter(self, mode: Mode) -> None:
        self._mode = mode
        self._since = self._now()
        self._again = float("-inf")  # when to say again what the mode waits for

    def _wait(self, until: Callable[[], bool], limit: float | None = None) -> None:
        began = self._now()
        while not until():
            if self._mode is Mode.CLOSED:
                raise LinkError(f"{self.port}: the session is closed")
            if limit is not None and self._now() - began > limit:
                raise LinkError(self._no_answer())
            if self.abandon():
                raise LinkError(f"{self.port}: the board does not answer")
            self._pump(NAP)

    def _pump(self, wait: float) -> None:
        if self._mode is Mode.CLOSED:
            return
        if self._mode is Mode.PORT_LOST:
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
            self._enter(Mode.PORT_LOST)
            self._lost_at = self._retry_at = time.monotonic()
        self._events.extend(self._exchange.texts)
        self._exchange.texts.clear()

    def _try_port(self, wait: float) -> None:
        assert self._reopen is not None
        left = self._retry_at - time.monotonic()
        if left > 0:
            time.sleep(min(max(wait, 0.001), left))
            return
        try:
            self._exchange.attach(self._reopen())
        except LinkError:
            if time.monotonic() - self._lost_at > self._timeouts.port:
                raise
            self._retry_at = time.monotonic() + self._timeouts.reconnect
        else:
            self._enter(Mode.HELLO)

    # --- sending --------------------------------------------------------------------------------

    def _act(self, now: float) -> None:
        if self._mode is Mode.HELLO:
            self._act_hello(now)
            return
        owed = self._exchange.owed_since
        if owed is not None and now - owed > self._timeouts.silence:
            self._exchange.counters.resumed += 1
            self._events.append(Silent())
            self._enter(Mode.HELLO)
            return
        if self._exchange.line.overdue(now):
            self._exchange.counters.timeouts += 1
            self._exchange.line.give_up()
            if self._outbound is not None:
                self._outbound.go_back(self._exchange.sequence)
            if self._reports is not None:
                self._reports.again = True  # at the least, it makes the board speak
            if self._own is not None:
                self._own.again = self._own.wanted
        if self._mode is Mode.RESTART and self._settled(now):
            self._act_restart(now)
        if self._request is not None and now >= self._request_at and self._fits(CONTROL):
            self._request_at = now + self._timeouts.reply
            self._exchange.send(self._request)
        if self._mode is Mode.STREAM:
            self._acknowledge_reports(now)
            if self._settled(now):
                self._send_samples()
            self._acknowledge_samples(now)
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
        assert self._reports is not None
        if now < self._again:
            return
        self._again = now + self._timeouts.reply
        message: m.Message
        if self._own is not None:
            message = m.SamplingStart(self._stream, self._own.next, self._reports.next_window)
        else:
            assert self._outbound is not None
            message = m.Restart(self._stream, self._outbound.acked, self._reports.next_window)
        self._restart_sequence = self._exchange.send(message)

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
        wait = self._exchange.line.wait
        made = completed(self._taken(), self.board.window, self.board.hop)
        late = made > self._reports.next_window and now - self._report_came > wait
        # A late report may only be slow. If its frame was lost, the number of the next one says
        # so; and if there is none, this makes the board send one.
        gone = self._reports.missed or (late and self._damage() != self._damage_before)
        ask = (gone or late) and now - self._resend_asked > wait
        if not (ask or self._reports.due) or not self._fits(CONTROL):
            return
        self._exchange.send(m.ReportAck(self._reports.acknowledged(), int(ask and gone)))
        if ask:
            self._resend_asked = now

    def _damage(self) -> int:
        """Grows with every frame of the board's that did not come whole."""
        counters = self._exchange.counters
        return counters.missing + counters.corrupt + counters.refused

    def _acknowledge_samples(self, now: float) -> None:
        own = self._own
        if own is None or not own.wanted or not self._fits(CONTROL):
            return
        # The board waits a little for more samples to fill a frame.
        wait = max(self._exchange.line.wait, self._timeouts.resend_first)
        late = own.taken > own.next and now - self._sampled_came > wait
        ask = (own.missed or late) and now - self._sampled_asked > wait
        if not (ask or own.due):
            return
        self._exchange.send(own.ack(ask))
        if ask:
            self._sampled_asked = now

    def _taken(self) -> int:
        """All samples before this one have been taken by the board, as far as is known."""
        if self._own is not None:
            return self._own.taken
        assert self._outbound is not None
        return self._outbound.acked

    def _fits(self, size: int) -> bool:
        return self._exchange.line.fits(size)

    def _send_samples(self) -> None:
        if self._outbound is None:
            return
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
        elif self._mode is Mode.HELLO:
            if isinstance(message, m.Error) and message.code == m.ErrorCode.VERSION:
                raise LinkError(f"{self.port}: {explain_versions(message.detail)}")
        elif isinstance(message, m.Ack):
            self._take_ack(message)
        elif isinstance(message, m.Error):
            self._take_error(message)
        elif isinstance(message, m.Score | m.Lost | m.Window):
            if self._mode is Mode.STREAM:
                self._take_report(message)
        elif isinstance(message, m.Sampled):
            if self._mode is Mode.STREAM:
                self._take_sampled(message)
        else:
            if isinstance(message, m.Threshold):
                self.board = replace(self.board, threshold=message.value)
            if self._request is not None:
                self._answer = message

    def _take_hello(self, reply: m.HelloReply) -> None:
        if reply.session != self._id or self._mode is not Mode.HELLO:
            return
        if self._stream and self._changed(reply):
            raise LinkError(
                f"{self.port}: the board has another model now ({reply.model} instead of "
                f"{self.board.model}); start again"
            )
        room = min(reply.max_payload, MAX_PAYLOAD) - INDEX_SIZE  # for one sample at the least
        if not (reply.window and reply.hop and 0 < 2 * reply.channels <= room):
            raise LinkError(
                f"{self.port}: the board says that it takes windows of {reply.window} samples, "
                f"{reply.hop} apart, of {reply.channels} channels: flash it with 'make flash'"
            )
        self._rebooted = self._stream != 0 and reply.stream != self._stream
        self.board = reply
        self._exchange.line.clear()
        self._exchange.line.credit = reply.credit
        self._board_watch = -1  # whatever it is, it will be told again
        if self._reports is None:
            self._enter(Mode.READY)
        elif self._own is not None:
            self._take_up_own(reply, self._own)
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
        known = out.untouched or board.next_sample <= out.furthest
        if keeps and known and out.buffer.start <= board.next_sample:
            out.rewind(max(board.next_sample, out.acked))
            out.limit_to(board.reports)
            reports.again = True
            self._damage_before = -1
            self._enter(Mode.STREAM)
            self._resumed()
        else:
            first = reports.next_window * board.hop
            out.rewind(min(max(first, out.buffer.start), out.buffer.end))
            self._enter(Mode.RESTART)

    def _take_up_own(self, board: m.HelloReply, own: OwnSamples) -> None:
        """Goes on with a board that samples itself, or makes it begin again after a reset."""
        reports = self._reports
        assert reports is not None
        if board.stream == self._stream and board.next_window <= reports.next_window:
            reports.again, own.again = True, own.wanted
            self._damage_before = -1
            self._enter(Mode.STREAM)
            self._resumed()
            return
        # The board's clock began anew: by this one, so many samples were not taken meanwhile.
        away = 0 if self._fresh else (self._now() - self._heard_at) * board.rate
        first = max(own.next, own.taken, reports.next_window * board.hop) + round(away)
        passed = own.begin(first_window_from(first, board.hop) * board.hop)
        if passed is not None:
            self._events.append(passed)
        self._enter(Mode.RESTART)

    def _resumed(self) -> None:
        assert self._reports is not None
        acked, window = self._taken(), self._reports.next_window
        if not self._fresh:
            self._events.append(Resumed(acked, window, self._rebooted))
        self._fresh = self._rebooted = False

    def _take_ack(self, ack: m.Ack) -> None:
        now = self._now()
        self._exchange.line.read_up_to(ack.heard, now)
        self._board_watch = ack.watch
        if self._reports is None:
            return
        if self._mode is Mode.RESTART:
            self._take_restarted(ack)
            return
        if self._mode is not Mode.STREAM:
            return
        if ack.stream != self._stream:
            self._enter(Mode.HELLO)
            return
        self._heard_at = now
        out = self._outbound
        if out is None:
            assert self._own is not None
            fresh = self._own.acknowledged(ack)
            self._exchange.counters.samples += 0 if self._own.wanted else fresh
            return
        if ack.next_sample > out.furthest:  # of samples that nobody sent
            self._exchange.counters.refused += 1
            return
        self._exchange.counters.samples += out.acknowledged(ack)
        out.buffer.drop_before(min(out.acked, self._reports.next_window * self.board.hop))
        if ack.reason == m.AckReason.DAMAGED:
            self._exchange.line.damaged()
        if out.behind(ack):
            out.go_back(self._exchange.sequence)

    def _take_restarted(self, ack: m.Ack) -> None:
        """The board began the stream where it was told to."""
        told, out = self._restart_sequence, self._outbound
        if told is None or not at_or_after(ack.heard, told) or ack.stream != self._stream:
            return
        if out is not None:
            if ack.next_sample != out.acked:
                return
            out.limit_to(ack.room)
            out.last_lost = max(out.last_lost, first_window_from(out.acked, self.board.hop))
        self._restart_sequence = None
        self._heard_at = self._sampled_came = self._now()
        self._damage_before = self._damage()
        self._enter(Mode.STREAM)
        self._resumed()

    def _take_sampled(self, message: m.Sampled) -> None:
        if self._own is None:
            return
        self._heard_at = self._sampled_came = self._now()
        event = self._own.sampled(message)
        if event is not None:
            self._exchange.counters.samples += len(event.counts) // (2 * self.board.channels)
            self._events.append(event)

    def _take_error(self, error: m.Error) -> None:
        if error.code in (m.ErrorCode.CLOSED, m.ErrorCode.NO_STREAM):
            if self._mode is Mode.STREAM or error.code == m.ErrorCode.CLOSED:
                self._exchange.counters.resumed += 1
                self._enter(Mode.HELLO)
        elif self._mode is Mode.RESTART and error.code == m.ErrorCode.NO_SENSOR:
            raise LinkError(f"{self.port}: {explain_sensor(error.detail)}")
        elif self._mode is Mode.RESTART and error.type in (m.Restart.TYPE, m.SamplingStart.TYPE):
            raise LinkError(f"{self.port}: the board refuses {explain_error(error)}")
        elif self._request is not None and error.type == self._request.TYPE:
            self._answer = error
        else:
            self._events.append(Refused(error.code, error.type, error.detail))

    def _take_report(self, message: m.Score | m.Lost | m.Window) -> None:
        assert self._reports is not None
        self._report_came = self._now()
        end = message.window + (message.count if isinstance(message, m.Lost) else 1)
        out = self._outbound
        if out is not None:
            sent = max(out.buffer.end, out.acked)
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
            self._damage_before = self._damage()
            self._events.append(event)

    def _no_answer(self) -> str:
        return explain_silence(self._exchange, self._mode.value, self._mode is Mode.HELLO)
