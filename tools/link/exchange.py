"""Messages to frames and back: sequence numbers, credit and counters, without I/O or a clock."""

import struct
from collections.abc import Iterator

from tools.link import messages as m
from tools.link.codec import DecodeError, decode, encode
from tools.link.credit import Credit
from tools.link.events import BoardText, Counters
from tools.link.frames import Frame, FrameReceiver, Noise, encode_frame, text_of
from tools.link.timeouts import Timeouts
from training.bundle.errors import LinkError

_BEHIND = 32  # a sequence number up to this far behind the last one is no sign of missing frames


class Exchange:
    """The host's side of the line, below sessions and streams.

    Args:
        timeouts: limits of the acknowledgement timeout.
    """

    def __init__(self, port: str, timeouts: Timeouts) -> None:
        self.port = port
        self.counters = Counters()
        self.credit = Credit(timeouts)
        self.texts: list[BoardText] = []
        """Lines of text received since the caller last cleared the list."""
        self.outgoing = bytearray()
        """Bytes to write to the port; the caller clears them."""
        self.owed_since: float | None = None
        """Time since which the board has owed a frame; None: it owes none."""
        self.sent_at = 0.0
        """Time of the last frame sent."""
        self.sequence = 0
        """Sequence number of the next frame."""
        self.watched_bytes: dict[int, int] = {}
        """Length of a watched window by WATCH bit; if absent, window * channels."""
        self._receiver = FrameReceiver()
        self._heard: int | None = None
        self.noise = 0
        """Damaged pieces received since the port was opened."""

    def attach(self, port: str) -> None:
        """Continue on a newly opened port; nothing is under way on it."""
        self.port = port
        self.outgoing.clear()
        self._receiver.clear()
        self.credit.clear()
        self.owed_since = None
        self._heard = None
        self.noise = 0

    @property
    def heard(self) -> bool:
        """Whether a valid frame has been received since the port was opened."""
        return self._heard is not None

    def send(self, message: m.Message, now: float) -> int:
        """Queue one message at `now` seconds; return its sequence number."""
        sequence = self.sequence
        wire = encode_frame(message.TYPE, sequence, encode(message))
        self.sequence = (sequence + 1) & 0xFF
        self.counters.sent += 1
        self.credit.sent(sequence, len(wire), now)
        self.sent_at = now
        if self.owed_since is None:
            self.owed_since = now
        self.outgoing += wire
        return sequence

    def receive(self, data: bytes) -> Iterator[m.Message]:
        """Decode received bytes into messages.

        Raises:
            LinkError: the port echoes what is sent.
        """
        for piece in self._receiver.feed(data):
            if isinstance(piece, Noise):
                self._noise(piece)
                continue
            message = self._message(piece)
            if message is not None:
                yield message

    def unfinished_text(self) -> str:
        """Return, and discard, the last line of text received without a zero byte behind it."""
        text = text_of(self._receiver.clear()) or ""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def _message(self, frame: Frame) -> m.Message | None:
        if frame.type < 0x80:
            raise LinkError(
                f"{self.port}: the port echoes what is sent: no Vigil board is connected to it"
            )
        self.counters.received += 1
        self.owed_since = None
        if self._heard is not None:
            if frame.sequence == self._heard:
                return None  # a repeated frame
            # A frame that seems old is read all the same: a board that was reset counts from 0
            # again, and no message of a board does harm when it is repeated.
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
            self.noise += 1
            return
        self.counters.text += 1
        self.texts += [BoardText(line) for line in text.splitlines() if line.strip()]
