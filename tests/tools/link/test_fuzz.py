"""The board's side under libFuzzer with sanitizers, for a few seconds; the host's on damaged input.

For longer: make fuzz SECONDS=3600
"""

import random
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.fuzz.run import has_libfuzzer
from tests.fuzz.saved_inputs import saved
from tests.support.link_examples import EXAMPLES
from tests.support.link_line import windows_of
from tools.checkout import ROOT
from tools.link import messages as m
from tools.link.codec import decode, encode
from tools.link.frames import MAX_PAYLOAD, Frame, FrameReceiver, encode_frame
from tools.link.grid import completed
from tools.link.session import Session, stream_id
from tools.link.timeouts import Timeouts
from tools.link.transport import MemoryTransport
from training.bundle.errors import LinkError

pytestmark = pytest.mark.slow

SECONDS = 8


@pytest.mark.skipif(
    not has_libfuzzer(),
    reason="needs clang++ with libFuzzer: apt-get install clang libclang-rt-dev",
)
def test_the_boards_side_survives_libfuzzer(tmp_path):
    command = [sys.executable, "-m", "tests.fuzz.board_fuzz", "board_any", str(SECONDS), "1"]
    done = subprocess.run([*command, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    (runs,) = re.findall(r"number_of_executed_units: (\d+)", done.stderr)
    # It ran the saved inputs, and went on from there.
    assert int(runs) > len(saved("board_any", "corpus"))
    print(f"{runs} executions, 0 crashes")


def frames_of_anything(draw: random.Random) -> bytes:
    """Board messages with a valid check: examples, damaged examples, and noise."""
    board = [e.message for e in EXAMPLES if e.message.TYPE >= 0x80]
    message = draw.choice(board)
    payload = bytearray(encode(message))
    for _ in range(draw.choice([0, 0, 1, 3])):
        if payload:
            payload[draw.randrange(len(payload))] = draw.choice([0, 1, 2, 127, 255])
    if draw.random() < 0.2:
        payload = bytearray(draw.randbytes(draw.randrange(MAX_PAYLOAD + 1)))
    type_ = message.TYPE if draw.random() < 0.9 else draw.randrange(0x80, 0x100)
    wire = encode_frame(type_, draw.randrange(256), bytes(payload))
    return wire if draw.random() < 0.9 else draw.randbytes(draw.randrange(300))


class UnreliableBoard:
    """A board that answers correctly most of the time, and sends anything in between."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.receiver = FrameReceiver()
        self.hello = m.HelloReply(1, 1, window=4, hop=2, channels=1, max_payload=240, credit=256)
        self.sequence = 0
        self.window = 0
        self.ack = m.Ack(room=4)
        self.calls = 0

    def __call__(self, data: bytes, now: float) -> bytes:
        self.calls += 1
        out = b""
        for frame in self.receiver.feed(data):
            if isinstance(frame, Frame):
                for reply in self.answer(frame.sequence, decode(frame.type, frame.payload)):
                    out += self.wire(reply)
        return out + (frames_of_anything(self.draw) if self.draw.random() < 0.02 else b"")

    def answer(self, heard: int, message: m.Message) -> list[m.Message]:
        if isinstance(message, m.Hello):
            return [replace(self.hello, session=message.session, stream=self.ack.stream)]
        self.ack = replace(self.ack, heard=heard)
        replies: list[m.Message] = [m.BootReport()] if isinstance(message, m.BootGet) else []
        if isinstance(message, m.Restart):
            self.window, stream = message.window, message.stream
            self.ack = replace(self.ack, next_sample=message.sample, stream=stream)
        elif isinstance(message, m.Watch):
            self.ack = replace(self.ack, watch=message.mask)
        elif isinstance(message, m.Samples):
            end = message.sample + len(message.counts) // 2
            self.ack = replace(self.ack, next_sample=max(end, self.ack.next_sample))
        elif isinstance(message, m.ReportAck) and message.resend:
            self.window = message.window
        while self.window < completed(self.ack.next_sample, 4, 2) and self.draw.random() < 0.9:
            replies.append(m.Score(self.window, 0.5, 1, self.draw.choice([0, 0, 1, 2, 255])))
            self.window += 1
        if self.draw.random() < 0.01:
            self.ack = replace(self.ack, stream=0)  # as after a reset
        return [*replies, self.ack]

    def wire(self, reply: m.Message) -> bytes:
        payload = bytearray(encode(reply))
        if payload and self.draw.random() < 0.02:
            payload[self.draw.randrange(len(payload))] ^= 1 << self.draw.randrange(8)
        self.sequence = self.sequence + 1 & 0xFF
        return encode_frame(reply.TYPE, self.sequence, bytes(payload))


@pytest.mark.parametrize("seed", range(6))
def test_the_hosts_side_survives_a_board_that_sends_anything(seed):
    """It continues or raises LinkError, and never reports a window twice or out of order."""
    board = UnreliableBoard(seed)
    fast = Timeouts(open=0.5, silence=0.2, answer=0.2)
    windows = 0
    while board.calls < 20_000:
        try:
            with Session(MemoryTransport(board), timeouts=fast) as session:
                first = session.start(stream_id("a"))
                session.watch(input=board.draw.random() < 0.2)
                events = []
                for _ in range(100):
                    session.offer(np.zeros(3, np.int16))
                    events += session.poll(0.01)
                windows += len(windows_of(events))
                assert session.next_window >= first // 2
        except LinkError:
            continue
    assert windows > 10
