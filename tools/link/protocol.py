"""The host's states of docs/link.md: what is sent in each, and what each message does.

`Protocol` has no port and no clock. The caller passes received messages to `receive`, and calls
`act` regularly with the time in seconds. Messages are queued in the `Exchange`.
"""

import secrets
from collections import deque
from dataclasses import replace
from enum import Enum

from tools.link import messages as m
from tools.link.credit import CONTROL, at_or_after
from tools.link.events import Calibrated, Event, Refused, Resumed, Silent, WearerChanged
from tools.link.exchange import Exchange
from tools.link.explain import explain_error, explain_sensor, explain_silence, explain_versions
from tools.link.frames import MAX_PAYLOAD
from tools.link.outbound import INDEX_SIZE
from tools.link.streams import Stream
from tools.link.timeouts import Timeouts
from training.bundle.errors import LinkError


class Mode(Enum):
    """State of a session, in words for an error message."""

    HELLO = "no answer to HELLO"
    READY = "session open, no stream yet"
    RESTART = "no answer to RESTART"
    STREAM = "streaming"
    PORT_LOST = "port lost"
    CLOSED = "closed"


class OtherModelError(LinkError):
    """The board returned with another model."""

    def __init__(self, port: str, board: m.HelloReply, before: m.HelloReply) -> None:
        super().__init__(
            f"{port}: the board now runs another model ({board.model} instead of {before.model}): "
            "start again"
        )
        self.board = board


class Protocol:
    """One session with a board, from HELLO to GOODBYE."""

    board: m.HelloReply  # the board's description in its last HELLO_REPLY

    def __init__(self, exchange: Exchange, timeouts: Timeouts, now: float) -> None:
        self._exchange = exchange
        self._timeouts = timeouts
        self._id = secrets.randbits(32)
        self.events: deque[Event] = deque()
        """Events since the caller last cleared them."""
        self._answered = False
        self.enter(Mode.HELLO, now)
        self.stream: Stream | None = None
        self._number = 0  # of the last stream; 0: none yet
        self._fresh = True  # the stream has not begun, so it cannot be resumed
        self._rebooted = False
        self._missing = 0  # frames of the board, up to its last ACK
        self._begin_sequence: int | None = None  # of the last RESTART or SAMPLING_START
        # Settings that the board must have before it gets samples.
        self.watch = 0
        """Mask of WATCH that the board should have."""
        self.threshold: float | None = None
        """Threshold that the board should have; None: its own."""
        self._board_watch = -1  # unknown
        self._settle_at = float("-inf")
        self._request: m.Message | None = None
        self._request_at = float("-inf")
        self.answer: m.Message | None = None
        """The answer to the last request."""

    def enter(self, mode: Mode, now: float) -> None:
        """Change the state."""
        self.mode = mode
        self._since = now
        self._repeat_at = float("-inf")  # when to repeat the message of the mode

    def retry(self) -> None:
        """Repeat the message of the mode without delay."""
        self._repeat_at = float("-inf")

    def begin(self, stream: Stream, now: float, *, fresh: bool) -> None:
        """Begin a stream, or resume it if the board holds it.

        Args:
            fresh: nothing of the stream has been sent before, so no `Resumed` event follows.
        """
        self.stream, self._number, self._fresh = stream, stream.number, fresh
        self._resume(stream, now)

    def forget_stream(self, now: float) -> None:
        """Leave the present stream, and ask the board for its position with HELLO."""
        self.stream = None
        self.watch &= ~m.WATCH_SAMPLES
        self.enter(Mode.HELLO, now)

    def request(self, message: m.Message | None) -> None:
        """Send a request until `answer` is set; None: stop."""
        self._request = message
        if message is not None:
            self.answer, self._request_at = None, float("-inf")

    def explain_silence(self) -> str:
        """Return one line that says why the board may not answer."""
        in_hello = self.mode is Mode.HELLO
        return explain_silence(self._exchange, self.mode.value, in_hello=in_hello)

    # --- sending --------------------------------------------------------------------------------

    def act(self, now: float) -> None:
        """Queue the messages that are due.

        Raises:
            LinkError: HELLO was not answered in time.
        """
        if self.mode is Mode.HELLO:
            self._send_hello(now)
            return
        exchange, stream = self._exchange, self.stream
        if exchange.owed_since is not None and now - exchange.owed_since > self._timeouts.silence:
            exchange.counters.resumed += 1
            self.events.append(Silent())
            self.enter(Mode.HELLO, now)
            return
        if exchange.credit.overdue(now):
            exchange.counters.timeouts += 1
            exchange.credit.give_up()
            if stream is not None:
                stream.give_up()
        if self.mode is Mode.RESTART and stream is not None and self._settled(now):
            self._send_begin(stream, now)
        if self._request is not None and now >= self._request_at and exchange.credit.fits(CONTROL):
            self._request_at = now + self._timeouts.reply
            exchange.send(self._request, now)
        if self.mode is Mode.STREAM and stream is not None:
            stream.acknowledge(now, self.watch)
            if self._settled(now):
                stream.send_samples(now)
        if now - exchange.sent_at >= self._timeouts.keepalive:
            window = stream.reports.acknowledge() if stream is not None else 0
            exchange.send(m.ReportAck(window), now)

    def _send_hello(self, now: float) -> None:
        away = now - self._since
        if away > (self._timeouts.gone if self._answered else self._timeouts.open):
            raise LinkError(self.explain_silence())
        if now >= self._repeat_at:
            self._repeat_at = now + self._timeouts.pause(self._timeouts.hello, away)
            self._exchange.credit.clear()
            self._exchange.send(m.Hello(session=self._id), now)

    def _send_begin(self, stream: Stream, now: float) -> None:
        if now >= self._repeat_at:
            self._repeat_at = now + self._timeouts.reply
            self._begin_sequence = self._exchange.send(stream.begin_message(), now)

    def _settled(self, now: float) -> bool:
        """Return whether the board has the wanted settings; if not, send them again."""
        watch = self._board_watch == self.watch
        threshold = self.threshold is None or self.board.threshold == self.threshold
        fits = self._exchange.credit.fits(2 * CONTROL)
        if not (watch and threshold) and now >= self._settle_at and fits:
            self._settle_at = now + self._timeouts.reply
            if not watch:
                self._exchange.send(m.Watch(self.watch), now)
            if not threshold and self.threshold is not None:
                self._exchange.send(m.ThresholdSet(self.threshold), now)
        return watch and threshold

    # --- receiving ------------------------------------------------------------------------------

    def receive(self, message: m.Message, now: float) -> None:
        """Process one message of the board.

        Raises:
            LinkError: the board cannot be used: another protocol, another model, no sensor.
        """
        if isinstance(message, m.HelloReply):
            self._receive_hello(message, now)
        elif self.mode is Mode.HELLO:
            if isinstance(message, m.Error) and message.code == m.ErrorCode.VERSION:
                raise LinkError(f"{self._exchange.port}: {explain_versions(message.detail)}")
        elif isinstance(message, m.Ack):
            self._receive_ack(message, now)
        elif isinstance(message, m.Error):
            self._receive_error(message, now)
        elif isinstance(message, m.Score | m.Lost | m.Window | m.Sampled):
            if self.mode is Mode.STREAM and self.stream is not None:
                self.stream.receive(message, now)
        else:
            if isinstance(message, m.Threshold):
                self.board = replace(self.board, threshold=message.value)
            if isinstance(message, m.CalibrationReport):
                self._receive_calibration(message)
                return
            if isinstance(message, m.WearerReport) and not self._answers(message):
                self.events.append(WearerChanged(message))
                return
            if self._request is not None:
                self.answer = message

    def _receive_hello(self, reply: m.HelloReply, now: float) -> None:
        if reply.session != self._id or self.mode is not Mode.HELLO:
            return
        if self._number and self._changed(reply):
            raise OtherModelError(self._exchange.port, reply, self.board)
        room = min(reply.max_payload, MAX_PAYLOAD) - INDEX_SIZE  # at least one sample must fit
        if not (reply.window and reply.hop and 0 < 2 * reply.channels <= room):
            raise LinkError(
                f"{self._exchange.port}: the board reports windows of {reply.window} samples, "
                f"{reply.hop} apart, with {reply.channels} channels, which is not possible: flash "
                "it with 'make flash'"
            )
        # Kept over a second reply, until the stream goes on: a request may have been repeated.
        self._answered = True
        if self._number and self._is_reset(reply):
            self._rebooted = True
            self._exchange.counters.missing = self._missing  # it counts its frames from 0 again
        self.board = reply
        self._exchange.credit.clear()
        self._exchange.credit.limit = reply.credit
        self._board_watch = -1  # unknown: send the mask again
        if self.stream is None:
            self.enter(Mode.READY, now)
        else:
            self._resume(self.stream, now)

    def _is_reset(self, reply: m.HelloReply) -> bool:
        """Whether the board was reset since its last HELLO_REPLY."""
        if reply.boot and reply.stream:
            return reply.boot != self.board.boot
        return reply.stream != self._number  # two resets may have the same number

    def _changed(self, reply: m.HelloReply) -> bool:
        return any(
            getattr(reply, name) != getattr(self.board, name)
            for name in ("model_hash", "window", "hop", "channels")
        )

    def _resume(self, stream: Stream, now: float) -> None:
        if stream.resume(self.board, now):
            self._enter_stream(stream, now)
        else:
            self.enter(Mode.RESTART, now)

    def _enter_stream(self, stream: Stream, now: float) -> None:
        self.enter(Mode.STREAM, now)
        if not self._fresh:
            self.events.append(Resumed(stream.taken, stream.reports.next, self._rebooted))
        self._fresh = self._rebooted = False

    def _receive_ack(self, ack: m.Ack, now: float) -> None:
        self._exchange.credit.read_up_to(ack.heard, now)
        self._missing = self._exchange.counters.missing
        self._board_watch = ack.watch
        stream = self.stream
        if stream is None:
            return
        if self.mode is Mode.RESTART:
            sequence = self._begin_sequence
            heard = sequence is not None and at_or_after(ack.heard, sequence)
            if heard and ack.stream == stream.number and stream.begun(ack, now):
                self._begin_sequence = None
                self._enter_stream(stream, now)
        elif self.mode is Mode.STREAM:
            if ack.stream != stream.number:
                self.enter(Mode.HELLO, now)
            else:
                stream.acknowledged(ack, now)

    def _receive_calibration(self, report: m.CalibrationReport) -> None:
        self.board = replace(self.board, threshold=report.threshold)
        if report.number and report.source == m.ThresholdSource.CALIBRATION:
            self.threshold = None  # one that the host had set before
        if isinstance(self._request, m.Calibrate):
            self.answer = report
        else:
            self.events.append(Calibrated(report))

    def _answers(self, report: m.WearerReport) -> bool:
        """Return whether a report answers the present request, not an earlier or none."""
        asked = self._request
        if not isinstance(asked, m.WearerRequest) or report.action != asked.action:
            return False
        renewed = asked.action == m.WearerAction.RENEW
        return report.answered == asked.window and (not renewed or report.number == asked.number)

    def _receive_error(self, error: m.Error, now: float) -> None:
        port = self._exchange.port
        if error.code in (m.ErrorCode.CLOSED, m.ErrorCode.NO_STREAM):
            if self.mode is Mode.STREAM or error.code == m.ErrorCode.CLOSED:
                self._exchange.counters.resumed += 1
                self.enter(Mode.HELLO, now)
        elif self.mode is Mode.RESTART and error.code == m.ErrorCode.NO_SENSOR:
            raise LinkError(f"{port}: {explain_sensor(error.detail)}")
        elif self.mode is Mode.RESTART and error.type in (m.Restart.TYPE, m.SamplingStart.TYPE):
            raise LinkError(f"{port}: the board refuses {explain_error(error)}")
        elif self._request is not None and error.type == self._request.TYPE:
            self.answer = error
        else:
            self.events.append(Refused(error.code, error.type, error.detail))
