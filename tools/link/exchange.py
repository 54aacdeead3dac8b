"""Messages in and out over a transport: frames, sequence numbers, what is under way, counters."""

import struct
from collections.abc import Iterator

from tools.link import messages as m
from tools.link.codec import DecodeError, decode, encode
from tools.link.events import BoardText, Counters
from tools.link.flow import Line
from tools.link.frames import Frame, FrameReceiver, Noise, encode_frame, text_of
from tools.link.timeouts import Timeouts
from tools.link.transport import Transport
from training.bundle.errors import LinkError

_BEHIND = 32  # a sequence number up to this far behind the last does not mean that 200 are missing


class Exchange:
    """One side of the line. Knows frames and messages, and nothing of streams."""

    def __init__(self, transport: Transport, timeouts: Timeouts) -> None:
        self.transport = transport
        self.counters = Counters()
        self.line = Line(timeouts)
        self.texts: list[BoardText] = []
        """Lines for people that came since somebody looked."""
        self.owed_since: float | None = None
        """Since when the board has owed a sign of life; None: it owes nothing."""
        self.spoke = 0.0
        """When the last frame was sent."""
        self.sequence = 0
        """Of the next frame."""
        self._receiver = FrameReceiver()
        self._heard: int | None = None

    def attach(self, transport: Transport) -> None:
        """Goes on over another transport."""
        self.transport = transport
        self._receiver.clear()
        self.forget()

    def forget(self) -> None:
        """Nothing is under way, and the board owes nothing."""
        self.line.clear()
        self.owed_since = None
        self._heard = None

    def send(self, message: m.Message) -> int:
        """Sends one message; returns its sequence number."""
        sequence, now = self.sequence, self.transport.now()
        wire = encode_frame(message.TYPE, sequence, encode(message))
        self.sequence = (sequence + 1) & 0xFF
        self.counters.sent += 1
        self.line.sent(sequence, len(wire), now)
        self.spoke = now
        if self.owed_since is None:
            self.owed_since = now
        self.transport.write(wire)
        return sequence

    def receive(self, timeout: float) -> Iterator[m.Message]:
        """The messages in what has come; waits up to `timeout` seconds for the first byte."""
        for piece in self._receiver.feed(self.transport.read(timeout)):
            if isinstance(piece, Noise):
                self._noise(piece)
                continue
            message = self._message(piece)
            if message is not None:
                yield message

    def unfinished(self) -> str:
        """What the last bytes say to a person, when they were never part of a frame."""
        text = text_of(self._receiver.clear()) or ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def _message(self, frame: Frame) -> m.Message | None:
        if frame.type < 0x80:
            raise LinkError(
                f"{self.transport.name}: what is sent comes back: this port echoes, "
                "there is no Vigil board behind it"
            )
        self.counters.received += 1
        self.owed_since = None
        if self._heard is not None:
            if frame.sequence == self._heard:
                return None  # it came twice
            # A board that was reset begins at 0 again, and has something to say: so what seems to
            # be an old frame is read. Nothing that a board says does harm the second time.
            missing = (frame.sequence - self._heard - 1) & 0xFF
            if missing < 256 - _BEHIND:
                self.counters.missing += missing
        self._heard = frame.sequence
        try:
            return decode(frame.type, frame.payload)
        except (DecodeError, struct.error):
            self.counters.refused += 1
            return None

    def _noise(self, noise: Noise) -> None:
        text = text_of(noise.data)
        if text is None:
            self.counters.corrupt += 1
            return
        self.counters.text += 1
        self.texts += [BoardText(line) for line in text.splitlines() if line.strip()]
