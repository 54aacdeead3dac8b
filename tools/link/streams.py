"""The two kinds of stream: samples that the host sends, and samples of the on-board sensor.

A stream decides what to send and what a message means for it. It has no clock and no port: the
caller passes the time, and messages are queued in the `Exchange`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

from typing_extensions import override

from tools.link import messages as m
from tools.link.credit import CONTROL
from tools.link.delivery import Reports, SensorSamples
from tools.link.events import Event
from tools.link.exchange import Exchange
from tools.link.grid import MAX_SAMPLE, completed, first_window_from
from tools.link.outbound import Outbound
from tools.link.timeouts import Timeouts

Emit = Callable[[Event], None]


class Stream(ABC):
    """The common part of both kinds of stream: the reports of its windows.

    Args:
        number: the stream's number, not 0.
        window: the first window that is wanted.
    """

    def __init__(
        self, number: int, window: int, board: m.HelloReply, exchange: Exchange, emit: Emit
    ) -> None:
        self.number = number
        self.reports = Reports(
            window, board.window * board.channels, exchange.watched_bytes, exchange.counters
        )
        self._board = board
        self._exchange = exchange
        self._emit = emit
        self._report_came = self._resend_asked = float("-inf")
        self._damage_before = 0  # damage when the last report arrived; -1: unknown

    @property
    @abstractmethod
    def next_sample(self) -> int:
        """Absolute index of the sample that the program gives or gets next."""

    @property
    @abstractmethod
    def taken(self) -> int:
        """The board has taken all samples before this one, as far as the host knows."""

    @abstractmethod
    def begin_message(self) -> m.Message:
        """Return the message that makes the board begin the stream."""

    @abstractmethod
    def resume(self, board: m.HelloReply, now: float) -> bool:
        """Continue with a board that holds this stream.

        Returns:
            False when the board does not hold it, or holds another position: then the stream is
            set to the sample where the board must begin.
        """

    def begun(self, ack: m.Ack, now: float) -> bool:
        """Return whether `ack` confirms that the board has begun the stream."""
        self._damage_before = self._damage()
        return True

    @abstractmethod
    def acknowledged(self, ack: m.Ack, now: float) -> None:
        """Process an ACK of this stream."""

    def give_up(self) -> None:
        """Resend what is under way: no acknowledgement arrived in time."""
        self.reports.ack_missed = True  # at least this makes the board send a frame

    def send_samples(self, now: float) -> None:  # noqa: B027 (nothing to send by default)
        """Send samples, if it is the host that sends them."""

    def confirm(self) -> None:
        """Note that the program has processed the events it received."""
        self.reports.confirm()

    def hand_over(self) -> None:
        """Note that the program receives all events so far."""
        self.reports.hand_over()

    def receive(self, message: m.Score | m.Lost | m.Window | m.Sampled, now: float) -> None:
        """Process a report or samples of the sensor."""
        if isinstance(message, m.Sampled):
            return
        self._report_came = now
        count = message.count if isinstance(message, m.Lost) else 1
        if not self._can_exist(message.window + count):
            self._exchange.counters.refused += 1
            return
        event = self.reports.receive(message)
        if event is not None:
            self._damage_before = self._damage()
            self._emit(event)

    @abstractmethod
    def _can_exist(self, window: int) -> bool:
        """Return whether windows before `window` can have been reported."""

    def _patience(self, watch: int) -> int:
        """Return how many processed reports may wait for an acknowledgement."""
        return 0

    def acknowledge(self, now: float, watch: int) -> None:
        """Acknowledge reports, or request those that are missing.

        Args:
            watch: mask of WATCH.
        """
        wait = self._exchange.credit.wait
        complete = completed(self.taken, self._board.window, self._board.hop)
        late = complete > self.reports.next and now - self._report_came > wait
        # A late report may only be slow. If its frame was lost, the sequence number of the next
        # frame shows it; if there is no next frame, this makes the board send one.
        lost = self.reports.gap or (late and self._damage() != self._damage_before)
        ask = (lost or late) and now - self._resend_asked > wait
        due = ask or self.reports.ack_due(self._patience(watch))
        if not due or not self._exchange.credit.fits(CONTROL):
            return
        resend = int(ask and lost)
        self._exchange.send(m.ReportAck(self.reports.acknowledge(), resend), now)
        if ask:
            self._resend_asked = now

    def _damage(self) -> int:
        """Return a number that grows with every frame of the board that was lost or damaged."""
        counters = self._exchange.counters
        return counters.missing + counters.corrupt + counters.refused


class HostStream(Stream):
    """A stream of samples that the host sends.

    Args:
        start: absolute index of the first sample.
        capacity: samples that may be kept until their windows are reported.
    """

    def __init__(
        self,
        number: int,
        window: int,
        board: m.HelloReply,
        exchange: Exchange,
        emit: Emit,
        *,
        start: int,
        capacity: int,
    ) -> None:
        super().__init__(number, window, board, exchange, emit)
        self._out = Outbound(board, start, capacity)

    @property
    @override
    def next_sample(self) -> int:
        return self._out.buffer.end

    @property
    @override
    def taken(self) -> int:
        return self._out.acked

    @property
    def room(self) -> int:
        """Samples that `append` can take now."""
        return self._out.buffer.room

    @property
    def done(self) -> bool:
        """The board has taken every sample and reported every window that they complete."""
        out = self._out
        if out.acked < out.buffer.end:
            return False
        complete = completed(out.buffer.end, self._board.window, self._board.hop)
        return self.reports.next >= max(complete, out.last_lost)

    def append(self, counts: bytes) -> None:
        """Add whole samples at `next_sample`; they must fit `room`."""
        self._out.buffer.append(counts)

    def skip(self, count: int) -> None:
        """Leave a gap of `count` samples at `next_sample`."""
        self._out.skip_to(self._out.buffer.end + count)

    @override
    def begin_message(self) -> m.Message:
        return m.Restart(self.number, self._out.acked, self.reports.next)

    @override
    def resume(self, board: m.HelloReply, now: float) -> bool:
        out, self._board = self._out, board
        keeps = board.stream == self.number and board.next_window <= self.reports.next
        known = out.untouched or board.next_sample <= out.furthest
        if keeps and known and out.buffer.start <= board.next_sample:
            out.rewind(max(board.next_sample, out.acked))
            out.limit_to(board.reports)
            self.reports.ack_missed = True
            self._damage_before = -1
            return True
        first = self.reports.next * board.hop
        out.rewind(min(max(first, out.buffer.start), out.buffer.end))
        return False

    @override
    def begun(self, ack: m.Ack, now: float) -> bool:
        out = self._out
        if ack.next_sample != out.acked:
            return False
        out.limit_to(ack.room)
        out.last_lost = max(out.last_lost, first_window_from(out.acked, self._board.hop))
        return super().begun(ack, now)

    @override
    def acknowledged(self, ack: m.Ack, now: float) -> None:
        out = self._out
        if ack.next_sample > out.furthest:  # samples that were never sent
            self._exchange.counters.refused += 1
            return
        self._exchange.counters.samples += out.acknowledged(ack)
        out.buffer.drop_before(min(out.acked, self.reports.next * self._board.hop))
        if ack.reason == m.AckReason.DAMAGED:
            self._exchange.credit.damaged()
        if out.behind(ack):
            out.go_back(self._exchange.sequence)

    @override
    def give_up(self) -> None:
        super().give_up()
        self._out.go_back(self._exchange.sequence)

    @override
    def send_samples(self, now: float) -> None:
        while self._exchange.credit.fits(self._out.frame_size + CONTROL):
            taken = self._out.take()
            if taken is None:
                return
            message, again = taken
            self._exchange.counters.resent += again
            self._out.sent(self._exchange.send(message, now))

    @override
    def _can_exist(self, window: int) -> bool:
        sent = max(self._out.buffer.end, self._out.acked)
        return window <= first_window_from(sent, self._board.hop)


class SensorStream(Stream):
    """A stream of samples of the on-board sensor.

    Args:
        watched: whether the host requests the samples.
        timeouts: `resend_first` is the shortest wait before samples are requested again.
        resume: the board is sampling the stream already.
    """

    def __init__(
        self,
        number: int,
        board: m.HelloReply,
        exchange: Exchange,
        emit: Emit,
        *,
        watched: bool,
        timeouts: Timeouts,
        resume: bool = False,
    ) -> None:
        window, sample = (board.next_window, board.next_sample) if resume else (0, 0)
        super().__init__(number, window, board, exchange, emit)
        self._samples = SensorSamples(sample, 2 * board.channels, watched)
        self._gather = timeouts.resend_first
        self._sampled_came = self._resend_samples_asked = float("-inf")
        self._heard_at: float | None = None  # last known position; None: not begun yet

    @property
    @override
    def next_sample(self) -> int:
        return self._samples.next

    @property
    @override
    def taken(self) -> int:
        return self._samples.taken

    @override
    def begin_message(self) -> m.Message:
        return m.SamplingStart(self.number, self._samples.next, self.reports.next)

    @override
    def resume(self, board: m.HelloReply, now: float) -> bool:
        samples, self._board = self._samples, board
        if board.stream == self.number and board.next_window <= self.reports.next:
            self.reports.ack_missed, samples.ack_missed = True, samples.watched
            self._damage_before = -1
            return True
        # The board's clock has restarted; the host's clock says how many samples were missed.
        away = 0 if self._heard_at is None else (now - self._heard_at) * board.rate
        first = max(samples.next, samples.taken, self.reports.next * board.hop) + round(away)
        skipped = samples.restart(first_window_from(first, board.hop) * board.hop)
        if skipped is not None:
            self._emit(skipped)
        return False

    @override
    def begun(self, ack: m.Ack, now: float) -> bool:
        self._heard_at = self._sampled_came = now
        return super().begun(ack, now)

    @override
    def acknowledged(self, ack: m.Ack, now: float) -> None:
        if ack.next_sample > MAX_SAMPLE:
            self._exchange.counters.refused += 1
            return
        self._heard_at = now
        fresh = self._samples.acknowledged(ack)
        self._exchange.counters.samples += 0 if self._samples.watched else fresh

    @override
    def give_up(self) -> None:
        super().give_up()
        self._samples.ack_missed = self._samples.watched

    @override
    def confirm(self) -> None:
        super().confirm()
        self._samples.confirm()

    @override
    def hand_over(self) -> None:
        super().hand_over()
        self._samples.hand_over()

    @override
    def receive(self, message: m.Score | m.Lost | m.Window | m.Sampled, now: float) -> None:
        if not isinstance(message, m.Sampled):
            super().receive(message, now)
            return
        self._heard_at = self._sampled_came = now
        event = self._samples.receive(message)
        if event is not None:
            size = 2 * self._board.channels
            self._exchange.counters.samples += len(event.counts) // size
            self._emit(event)

    @override
    def _can_exist(self, window: int) -> bool:
        return window <= first_window_from(MAX_SAMPLE, self._board.hop)

    @override
    def _patience(self, watch: int) -> int:
        # One acknowledgement serves several reports, but a watched window delays the next ones.
        return 0 if watch else self._board.reports // 4

    @override
    def acknowledge(self, now: float, watch: int) -> None:
        super().acknowledge(now, watch)
        samples = self._samples
        if not samples.watched or not self._exchange.credit.fits(CONTROL):
            return
        # The board gathers samples for a short time to fill a frame.
        wait = max(self._exchange.credit.wait, self._gather)
        late = samples.taken > samples.next and now - self._sampled_came > wait
        ask = (samples.gap or late) and now - self._resend_samples_asked > wait
        if not (ask or samples.ack_due()):
            return
        self._exchange.send(m.SampledAck(samples.acknowledge(), int(ask)), now)
        if ask:
            self._resend_samples_asked = now
