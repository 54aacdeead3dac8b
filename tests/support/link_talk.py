"""A board in memory and raw frames to it: for tests of the board's side alone."""

from __future__ import annotations

from tests.support.link_native import Board, BoardConfig
from tools.link import messages as m
from tools.link.codec import decode, encode
from tools.link.frames import Frame, FrameReceiver, encode_frame


class Talk:
    """Sends single frames to a board, on a clock that the test moves."""

    def __init__(self, config: BoardConfig | None = None) -> None:
        self.board = Board(config or BoardConfig())
        self.sequence, self.now, self.ticks = 0, 0, 0
        self.receiver = FrameReceiver()

    def open(self) -> Talk:
        """Open a session."""
        replies = [x for x in self.say(m.Hello(session=7)) if isinstance(x, m.HelloReply)]
        assert [reply.session for reply in replies] == [7]
        return self

    def say(self, message: m.Message | Frame, *, sequence: int | None = None) -> list[m.Message]:
        """Send a message; return the board's messages."""
        payload = message.payload if isinstance(message, Frame) else encode(message)
        type_ = message.type if isinstance(message, Frame) else message.TYPE
        self.sequence = self.sequence + 1 & 0xFF if sequence is None else sequence
        return self.raw(encode_frame(type_, self.sequence, payload))

    def raw(self, data: bytes) -> list[m.Message]:
        """Send bytes; return the board's messages."""
        self.board.feed(data)
        return self.wait(0)

    def wait(self, microseconds: int) -> list[m.Message]:
        """Advance the clock; return the board's messages."""
        self.now += microseconds
        received = b""
        for _ in range(100):
            self.board.poll(self.now)
            received += self.board.take()
        return [decode(f.type, f.payload) for f in self.receiver.feed(received)]  # type: ignore

    def tick(self, count: int) -> list[m.Message]:
        """Run periods of the sensor's timer, 1 ms each, with the loop between them."""
        said: list[m.Message] = []
        for _ in range(count):
            self.board.tick([self.ticks % 30000])
            self.ticks += 1
            said += self.wait(1000)
        return said


def of(kind: type, messages: list[m.Message]) -> list:
    """The messages of one type."""
    return [message for message in messages if isinstance(message, kind)]


def errors_of(messages: list[m.Message]) -> list[tuple[int, int, int]]:
    """Code, type and detail of each ERROR."""
    return [(e.code, e.type, e.detail) for e in of(m.Error, messages)]


def statistics_of(talk: Talk) -> m.Statistics:
    """The board's counters."""
    (statistics,) = of(m.Statistics, talk.say(m.StatisticsGet()))
    return statistics
