"""Random changes of bytes, and the check of an error message."""

from __future__ import annotations

import random
import struct

from training.bundle.errors import VigilError


def one_line(error: VigilError) -> None:
    """Check that an error is one short line that any terminal can print."""
    text = str(error)
    assert text and text.isprintable(), ascii(text)
    assert len(text) < 2000, len(text)


_ODD = [0, 1, 2, 3, 4, 127, 128, 255]


def some_bytes(data: bytes, draw: random.Random) -> bytes:
    """Flip bits, replace words; remove, repeat or move parts; or truncate."""
    out = bytearray(data)
    for _ in range(draw.choice([1, 1, 2, 4, 8])):
        if not out:
            return draw.randbytes(draw.randrange(1, 64))
        at = draw.randrange(len(out))
        kind = draw.randrange(8)
        if kind == 0:
            out[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            out[at] = draw.choice(_ODD)
        elif kind == 2:
            at &= ~3
            out[at : at + 4] = struct.pack("<i", _odd_word(draw, len(out)))[: len(out) - at]
        elif kind == 3:
            del out[at : at + draw.choice([1, 2, 4, 8, 40])]
        elif kind == 4:
            piece = out[at : at + draw.choice([1, 4, 16, 64])]
            target = draw.randrange(len(out))
            out[target:target] = piece
        elif kind == 5:
            piece = out[at : at + draw.choice([2, 4, 8, 16, 64])]
            target = draw.randrange(len(out))
            out[target : target + len(piece)] = piece
        elif kind == 6:
            at &= ~3
            word = int.from_bytes(out[at : at + 4], "little")
            word = word + draw.choice([-8, -4, -2, -1, 1, 2, 4, 8]) & 0xFFFFFFFF
            out[at : at + 4] = word.to_bytes(4, "little")[: len(out) - at]
        elif draw.random() < 0.2:
            del out[at:]
    return bytes(out)


def _odd_word(draw: random.Random, size: int) -> int:
    odd = [0, 1, -1, 2, 3, 4, 64, 255, 256, 65535, 65536, 1 << 28, (1 << 31) - 1, -(1 << 31)]
    return draw.choice([*odd, size, size - 4, -size, draw.randrange(-size - 1, size + 1)])
