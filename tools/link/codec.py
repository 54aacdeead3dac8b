"""Payloads: the fields of a message to bytes and back, little-endian."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from tools.link import messages
from tools.link.messages import Message
from training.bundle.errors import LinkError

MAX_TEXT = 31
"""Bytes of UTF-8 in a text field."""

_CODES = {
    "uint8": "B",
    "uint16": "H",
    "uint32": "I",
    "uint64": "Q",
    "float32": "f",
    "uint8[3]": "3s",
    "uint8[8]": "8s",
}
FIXED = {kind: struct.calcsize("<" + code) for kind, code in _CODES.items()}
"""Bytes of each wire type of fixed size."""
ARRAYS = {"int16[]": 2, "int8[]": 1, "uint32[]": 4}
"""Bytes of one element, for the wire types that take the rest of the payload."""

BY_TYPE: dict[int, type[Message]] = {
    each.TYPE: each
    for each in vars(messages).values()
    if isinstance(each, type) and issubclass(each, Message) and each is not Message
}
"""Every message's class by its type byte."""


class DecodeError(LinkError):
    """A payload does not match its message type."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """The wire types of a message: first those of fixed size, then texts, then an array."""

    fixed: struct.Struct
    count: int  # fields of fixed size
    texts: int  # text fields after them
    array: bool  # whether an array takes the rest of the payload


@cache
def _layout(wire: str) -> _Layout:
    kinds = wire.split()
    fixed, texts = [_CODES[kind] for kind in kinds if kind in _CODES], kinds.count("text")
    array = len(kinds) > len(fixed) + texts
    return _Layout(struct.Struct("<" + "".join(fixed)), len(fixed), texts, array)


def name_of(cls: type[Message]) -> str:
    """Return the message's name in docs/link.md: `HelloReply` is HELLO_REPLY."""
    return "".join("_" + c if c.isupper() else c for c in cls.__name__).upper().lstrip("_")


def fixed_size(cls: type[Message]) -> int:
    """Return the bytes of a message's fields of fixed size."""
    return _layout(cls.WIRE).fixed.size


def pack(wire: str, values: Sequence[Any]) -> bytes:
    """Encode one value per wire type; `wire` names the types, separated by spaces.

    Raises:
        struct.error: a value does not fit its type.
    """
    layout = _layout(wire)
    payload = layout.fixed.pack(*values[: layout.count])
    for value in values[layout.count : layout.count + layout.texts]:
        text = value.encode()[:MAX_TEXT]
        payload += bytes((len(text),)) + text
    return payload + values[-1] if layout.array else payload


def encode(message: Message) -> bytes:
    """Return the message's payload.

    Raises:
        struct.error: a field does not fit its type.
    """
    return pack(message.WIRE, [getattr(message, name) for name in message.__slots__])


def decode(type_: int, payload: bytes) -> Message:
    """Return the message of a frame's type and payload.

    Raises:
        DecodeError: the type is unknown, or the payload is too short or too long for it.
    """
    cls = BY_TYPE.get(type_)
    if cls is None:
        raise DecodeError(f"the link has no message of type 0x{type_:02x}")
    layout = _layout(cls.WIRE)
    at = layout.fixed.size
    if len(payload) < at:
        raise DecodeError(f"{name_of(cls)} of {len(payload)} bytes is too short (at least {at})")
    values: list[Any] = list(layout.fixed.unpack_from(payload))
    for _ in range(layout.texts):
        size = payload[at] if at < len(payload) else MAX_TEXT + 1
        text = payload[at + 1 : at + 1 + size]
        if size > MAX_TEXT or len(text) < size:
            raise DecodeError(f"{name_of(cls)}: a text is cut short or too long")
        values.append(text.decode(errors="replace"))
        at += 1 + size
    if layout.array:
        values.append(payload[at:])
    elif at < len(payload) and not cls.MAY_GROW:
        raise DecodeError(f"{name_of(cls)} of {len(payload)} bytes is too long (at most {at})")
    return cls(*values)
