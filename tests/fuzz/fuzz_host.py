"""Fuzz targets: the host's end of the link, connected to a board that sends arbitrary bytes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from unittest import mock

import numpy as np

from tools.link import messages as m
from tools.link.codec import decode, encode
from tools.link.events import Lost, Scored
from tools.link.frames import MAX_PAYLOAD, Frame, FrameReceiver, encode_frame
from tools.link.grid import completed, first_window_from
from tools.link.session import Session
from tools.link.timeouts import Timeouts
from tools.link.transport import MemoryTransport
from training.bundle.errors import LinkError

MAX_PIECES = 40  # of an input, each in a step of its own; a longer input has larger pieces
STREAM, WINDOW, HOP, SAMPLES, RING = 7, 4, 2, 60, 64
_FAST = Timeouts(open=0.5, silence=0.2, answer=0.2, port=0.2)


class ScriptedBoard:
    """A board that answers correctly, with bytes of the script between its answers."""

    def __init__(self, script: Iterator[bytes]) -> None:
        self._script = script
        self._receiver = FrameReceiver()
        self._hello = m.HelloReply(
            1, 1, window=WINDOW, hop=HOP, channels=1, max_payload=240, credit=256, reports=4
        )
        self._ack = m.Ack(room=4)
        self._sequence = 0
        self._window = 0
        self.over = False

    def __call__(self, data: bytes, now: float) -> bytes:
        out = b""
        for frame in self._receiver.feed(data):
            if isinstance(frame, Frame):
                message = decode(frame.type, frame.payload)
                for reply in self._answers(frame.sequence, message):
                    self._sequence = self._sequence + 1 & 0xFF
                    out += encode_frame(reply.TYPE, self._sequence, encode(reply))
        scripted = next(self._script, None)
        self.over = scripted is None
        return out + (scripted or b"")

    def _answers(self, heard: int, message: m.Message) -> list[m.Message]:
        if isinstance(message, m.Hello):
            at, stream = self._ack.next_sample, self._ack.stream
            return [replace(self._hello, session=message.session, stream=stream, next_sample=at)]
        if isinstance(message, m.Goodbye):
            return [m.GoodbyeReply()]
        self._ack = replace(self._ack, heard=heard)
        replies: list[m.Message] = [m.BootReport()] if isinstance(message, m.BootGet) else []
        if isinstance(message, m.Restart):
            self._window = message.window
            self._ack = replace(self._ack, next_sample=message.sample, stream=message.stream)
        elif isinstance(message, m.Watch):
            self._ack = replace(self._ack, watch=message.mask)
        elif isinstance(message, m.Samples):
            end = message.sample + len(message.counts) // 2
            self._ack = replace(self._ack, next_sample=max(end, self._ack.next_sample))
        elif isinstance(message, m.ReportAck) and message.resend:
            self._window = message.window
        # A script can make the host request windows up to 2**64: answer a ring's worth at a time.
        end = min(completed(self._ack.next_sample, WINDOW, HOP), self._window + RING)
        while self._window < end:
            replies.append(m.Score(self._window, 0.5, 1))
            self._window += 1
        return [*replies, self._ack]


def _session(script: Iterator[bytes]) -> None:
    """Check that a session reports every window once, in order, and of samples that were sent."""
    board = ScriptedBoard(script)
    next_window = None
    try:
        with (
            mock.patch("tools.link.protocol.secrets.randbits", return_value=1),
            Session(MemoryTransport(board, step=0.02), timeouts=_FAST, capacity=64) as session,
        ):
            window, hop = session.board.window, session.board.hop
            session.start(STREAM)
            next_window = session.next_window
            session.watch(input=True)
            ahead = max(session.next_sample, session.board.next_sample)
            for _ in range(40):
                channels = session.board.channels
                session.offer(np.zeros((max(SAMPLES // 20, 1), channels), np.int16))
                for event in session.poll(0.02):
                    if not isinstance(event, Scored | Lost):
                        continue
                    first = event.window if isinstance(event, Scored) else event.first
                    assert first == next_window, f"{event} after window {next_window - 1}"
                    next_window = first + (event.count if isinstance(event, Lost) else 1)
                    known = max(session.next_sample, ahead)
                    assert next_window <= first_window_from(known, hop) + window, event
                if board.over:
                    break
    except LinkError as error:
        # The message quotes the board's text; the views remove what a terminal would interpret.
        assert "\n" not in str(error).rstrip("\n"), ascii(str(error))


def host_bytes(data: bytes) -> None:
    """Receive raw bytes, in pieces whose size is the first byte."""
    if not data:
        return
    size = max(data[0] + 1, len(data) // MAX_PIECES)
    _session(iter([data[i : i + size] for i in range(1, len(data), size)]))


def _frames(data: bytes) -> Iterator[bytes]:
    sequence, at = 128, 0
    while at + 2 <= len(data):
        type_, length = data[at] | 0x80, min(data[at + 1], MAX_PAYLOAD)
        payload = data[at + 2 : at + 2 + length]
        sequence = sequence + 1 & 0xFF
        yield encode_frame(type_, sequence, payload) if data[at] < 0x80 else b""
        at += 2 + len(payload)


def host_frames(data: bytes) -> None:
    """Receive frames with a correct CRC and any payload, between the board's correct answers."""
    frames = list(_frames(data))
    per_step = len(frames) // MAX_PIECES + 1
    _session(b"".join(frames[i : i + per_step]) for i in range(0, len(frames), per_step))


def _examples() -> list[m.Message]:
    hello = m.HelloReply(
        1, 1, 1, 2, STREAM, 8, 2, WINDOW, HOP, 1, 240, 256, 4, 1.0, 0.5, board="b", model="m"
    )
    return [
        hello,
        m.Ack(8, 2, STREAM, 4, 2, 130, 0),
        m.Ack(8, 2, STREAM, 4, 2, 130, 2),
        m.Score(0, 0.5, 1, 3),
        m.Window(0, 2, 0, bytes(4)),
        m.Lost(1, 2, 0),
        m.Sampled(0, 0, 0, bytes(8)),
        m.Sampling(),
        m.Error(2, 4, 0),
        m.Threshold(0.5, 1),
        m.Statistics(),
        m.BootReport(),
        m.GoodbyeReply(),
    ]


def host_bytes_seeds() -> list[bytes]:
    wire = b"".join(encode_frame(x.TYPE, 140 + i, encode(x)) for i, x in enumerate(_examples()))
    return [b"\x3f" + wire, b"\x07hello, world\r\n\0" + wire[:99]]


def host_frames_seeds() -> list[bytes]:
    def script(messages: list[m.Message]) -> bytes:
        parts = [(x.TYPE & 0x7F, encode(x)) for x in messages]
        return b"".join(bytes((type_, len(p))) + p for type_, p in parts)

    return [script(_examples()), *(script([x] * 3) for x in _examples())]
