"""A connection to a board: the port, its loss and return, and requests with an answer."""

import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

from tools.link import messages as m
from tools.link.events import OtherModel, PortLost
from tools.link.exchange import Exchange
from tools.link.explain import explain_error
from tools.link.protocol import Mode, OtherModelError, Protocol
from tools.link.timeouts import Timeouts
from tools.link.transport import PortLostError, Transport
from training.bundle.errors import LinkError

Reply = TypeVar("Reply", bound=m.Message)

NAP = 0.02
"""Longest wait for received bytes between two looks at the clock, in seconds."""
CALM_NAP = 1.0
"""The same while the board owes no answer."""


class Connection:
    """The port and the clock under a `Protocol`.

    Args:
        transport: an open line; the connection closes it.
        reopen: opens the line again after it was lost; None: a lost port is an error.
    """

    def __init__(
        self, transport: Transport, reopen: Callable[[], Transport] | None, timeouts: Timeouts
    ) -> None:
        self._transport = transport
        self._reopen = reopen
        self._timeouts = timeouts
        self._lost_at = self._retry_at = 0.0  # on the system's clock: a lost port has none
        self._lost = False  # the port was, and the board has not answered since
        self._other: m.HelloReply | None = None  # of a board that returned with another model
        self.exchange = Exchange(transport.name, timeouts)
        self.protocol = Protocol(self.exchange, timeouts, transport.now())
        self.abandon: Callable[[], bool] = lambda: False
        """Called while a call waits for the board; True ends the wait with a LinkError."""

    @property
    def port(self) -> str:
        """Name of the transport."""
        return self._transport.name

    @property
    def mode(self) -> Mode:
        """State of the session."""
        return self.protocol.mode

    @property
    def nap(self) -> float:
        """Longest wait for received bytes until something may be due, in seconds."""
        return CALM_NAP if self.exchange.owed_since is None else NAP

    def now(self) -> float:
        """Return the time of the transport's clock, in seconds."""
        return self._transport.now()

    def wait(self, until: Callable[[], bool], limit: float | None = None) -> None:
        """Pump until a condition holds.

        Args:
            limit: seconds to wait; None: for ever.

        Raises:
            LinkError: the limit is over, `abandon` returned True, or the session is closed.
        """
        began = self.now()
        while not until():
            if self.mode is Mode.CLOSED:
                raise LinkError(f"{self.port}: the session is closed")
            if limit is not None and self.now() - began > limit:
                raise LinkError(self.protocol.explain_silence())
            if self.abandon():
                raise LinkError(f"{self.port}: the board does not answer")
            self.pump(NAP)

    def pump(self, wait: float) -> None:
        """Read for at most `wait` seconds, process what was received, and send what is due.

        Raises:
            LinkError: the board does not answer, has another model, or is lost with its port.
        """
        if self.mode is Mode.CLOSED:
            return
        if self.mode is Mode.PORT_LOST:
            self._try_port(wait)
            return
        try:
            for message in self.exchange.receive(self._transport.read(wait)):
                self.protocol.receive(message, self.now())
            self.protocol.act(self.now())
            self._flush()
            if self.mode is not Mode.HELLO:
                self._other, self._lost = None, False
        except (PortLostError, OtherModelError) as error:
            if self._reopen is None:
                raise
            self._wait_for_port(error)
        self.protocol.events.extend(self.exchange.texts)
        self.exchange.texts.clear()

    def _wait_for_port(self, error: PortLostError | OtherModelError) -> None:
        """Close the port and open it again later. Raises `error` after its time.

        A board with another model is left alone in between, so that its own program, or one that
        flashes it, may open the port.
        """
        now = time.monotonic()
        if isinstance(error, PortLostError):
            self._other = None
            if self._lost and self.mode is Mode.HELLO:  # it can be opened, and not used
                self._try_later(error)
            else:
                self.protocol.events.append(PortLost(str(error)))
                self._lost, self._lost_at, self._retry_at = True, now, now
        else:
            new = self._other is None or self._other.model_hash != error.board.model_hash
            since = now if new else self._lost_at
            if now - since >= self._timeouts.other_model:
                raise error
            if new:
                self.protocol.events.append(OtherModel(error.board))
            self._other, self._lost, self._lost_at = error.board, False, since
            self._retry_at = now + self._timeouts.pause(self._timeouts.reconnect, now - since)
            self.exchange.send(m.Goodbye(), self.now())
            with contextlib.suppress(PortLostError):
                self._flush()
        self._transport.close()
        self.protocol.enter(Mode.PORT_LOST, self.now())

    def _flush(self) -> None:
        if self.exchange.outgoing:
            data = bytes(self.exchange.outgoing)
            self.exchange.outgoing.clear()
            self._transport.write(data)

    def retry(self) -> None:
        """Try without delay to reach a board that is away."""
        self._retry_at = 0.0
        self.protocol.retry()

    def _try_port(self, wait: float) -> None:
        assert self._reopen is not None
        left = self._retry_at - time.monotonic()
        if left > 0:
            time.sleep(min(max(wait, 0.001), left))
            return
        try:
            self._transport = self._reopen()
        except LinkError as error:
            self._try_later(error)
        else:
            self.exchange.attach(self.port)
            self.protocol.enter(Mode.HELLO, self.now())

    def _try_later(self, error: LinkError) -> None:
        """Set the time of the next attempt. Raises `error` when the time for them is over."""
        now = time.monotonic()
        away = now - self._lost_at
        if away > self._timeouts.port:
            raise error
        self._retry_at = now + self._timeouts.pause(self._timeouts.reconnect, away)

    def ask(
        self,
        request: m.Message,
        reply: type[Reply],
        *,
        or_lost: bool = False,
        unknown: str | None = None,
        bad_value: str | None = None,
    ) -> Reply:
        """Send a request and wait for its answer.

        Args:
            request: is repeated until the answer arrives.
            or_lost: whether the loss of the session counts as an empty answer.
            unknown: error message if the board does not know the request.
            bad_value: error message if the board refuses its values.

        Raises:
            LinkError: the board refuses the request or does not answer.
        """
        protocol = self.protocol

        def answered() -> bool:
            lost = or_lost and self.mode in (Mode.HELLO, Mode.PORT_LOST)
            return lost or isinstance(protocol.answer, (reply, m.Error))

        protocol.request(request)
        try:
            self.wait(answered, self._timeouts.answer)
        finally:
            protocol.request(None)
        answer = protocol.answer
        if answer is None:
            return reply()
        if isinstance(answer, m.Error):
            if unknown is not None and answer.code == m.ErrorCode.UNKNOWN_TYPE:
                raise LinkError(f"{self.port}: {unknown}")
            if bad_value is not None and answer.code == m.ErrorCode.BAD_VALUE:
                raise LinkError(f"{self.port}: {bad_value}")
            raise LinkError(f"{self.port}: the board refuses {explain_error(answer)}")
        assert isinstance(answer, reply)
        return answer

    def close(self) -> None:
        """Send GOODBYE and close the port. A second call has no effect."""
        if self.mode is Mode.CLOSED:
            return
        try:
            if self.mode in (Mode.READY, Mode.RESTART, Mode.STREAM):
                self._say_goodbye()
        except LinkError:
            pass  # the board is not connected
        finally:
            self.protocol.enter(Mode.CLOSED, self.now())
            self._transport.close()

    def _say_goodbye(self) -> None:
        stream = self.protocol.stream
        if stream is not None and stream.reports.ack_due():
            self.exchange.send(m.ReportAck(stream.reports.acknowledge()), self.now())
        for _ in range(3):
            self.exchange.send(m.Goodbye(), self.now())
            self._flush()
            deadline = self.now() + self._timeouts.goodbye
            while (left := deadline - self.now()) > 0:
                received = self.exchange.receive(self._transport.read(left))
                if any(isinstance(message, m.GoodbyeReply) for message in received):
                    return
            if self.abandon():
                return
