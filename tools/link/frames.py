"""Frames: the unit of the link, between two zero bytes (docs/link.md).

``00 | COBS of: type, sequence, length (2), payload, check (5) | 00``

The check is the CRC-32 of the encoded bytes before it, seven bits per byte with the top bit set. It
contains no zero, so COBS does not change it. It covers the bytes as transmitted, so a burst error
on the wire is a burst error of the code word.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from cobs import cobs

MAX_PAYLOAD = 240
HEADER_SIZE = 4
CHECK_SIZE = 5
OVERHEAD = 3 + HEADER_SIZE + CHECK_SIZE
"""Bytes on the wire besides the payload: two zeros, one COBS code, header and check."""
MAX_WIRE = MAX_PAYLOAD + OVERHEAD


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame with a valid check."""

    type: int
    sequence: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Noise:
    """Bytes between two zeros that are not a valid frame: noise, text, or a damaged frame."""

    data: bytes
    too_long: bool = False


@dataclass(slots=True)
class ReceiverCounters:
    """Counters of a receiver: pieces between two zeros."""

    frames: int = 0
    damaged: int = 0
    text: int = 0


def check_bytes(encoded: bytes) -> bytes:
    """Return the five bytes after `encoded` on the wire: its CRC-32, seven bits per byte."""
    crc = zlib.crc32(encoded)
    return bytes(0x80 | (crc >> shift) & 0x7F for shift in range(0, 35, 7))


def encode_frame(type_: int, sequence: int, payload: bytes) -> bytes:
    """Return the bytes of one frame on the wire, both zeros included.

    Raises:
        ValueError: the payload is longer than `MAX_PAYLOAD` bytes.
    """
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"a payload of {len(payload)} bytes does not fit a frame ({MAX_PAYLOAD})")
    body = bytes((type_, sequence)) + len(payload).to_bytes(2, "little") + payload
    # Five nonzero bytes stand in for the check, which contains no zero either.
    encoded: bytes = cobs.encode(body + b"\xff" * CHECK_SIZE)[:-CHECK_SIZE]
    return b"\0" + encoded + check_bytes(encoded) + b"\0"


def decode_frame(piece: bytes) -> Frame | None:
    """Return the frame in the bytes between two zeros; None if they are not a valid frame."""
    if not 1 + HEADER_SIZE + CHECK_SIZE <= len(piece) <= MAX_WIRE - 2:
        return None
    if piece[-CHECK_SIZE:] != check_bytes(piece[:-CHECK_SIZE]):
        return None
    try:
        body = cobs.decode(piece)
    except cobs.DecodeError:
        return None
    payload = body[HEADER_SIZE:-CHECK_SIZE]
    # A COBS code must not reach into the check, or its five bytes would decode to others.
    if len(body) != len(piece) - 1 or body[-CHECK_SIZE:] != piece[-CHECK_SIZE:]:
        return None
    if int.from_bytes(body[2:4], "little") != len(payload):
        return None
    return Frame(body[0], body[1], payload)


class FrameReceiver:
    """Splits received bytes, in pieces of any size, into frames and noise."""

    def __init__(self) -> None:
        self.counters = ReceiverCounters()
        self._piece = bytearray()
        self._too_long = False

    def feed(self, data: bytes) -> Iterator[Frame | Noise]:
        """Yield what `data` completes. Bytes after the last zero are kept for the next call."""
        first, *rest = data.split(b"\0")
        self._extend(first)
        for piece in rest:
            if self._piece:
                yield self._finish()
            self._extend(piece)

    def clear(self) -> bytes:
        """Discard, and return, the bytes since the last zero."""
        piece = bytes(self._piece)
        self._piece.clear()
        self._too_long = False
        return piece

    def _extend(self, data: bytes) -> None:
        self._piece += data
        if len(self._piece) > 16 * MAX_WIRE:  # text, or a stream of something else
            del self._piece[: -8 * MAX_WIRE]
            self._too_long = True

    def _finish(self) -> Frame | Noise:
        too_long = self._too_long
        piece = self.clear()
        frame = None if too_long else decode_frame(piece)
        if frame is not None:
            self.counters.frames += 1
            return frame
        if text_of(piece) is not None:
            self.counters.text += 1
        else:
            self.counters.damaged += 1
        return Noise(piece, too_long)


def text_of(piece: bytes) -> str | None:
    """Return `piece` as text, or None if it is not printable UTF-8."""
    try:
        text = piece.decode()
    except UnicodeDecodeError:
        return None
    printable = all(c.isprintable() or c in "\r\n\t" for c in text)
    return text if printable else None
