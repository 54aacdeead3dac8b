"""Every message of the link, field by field in the order of docs/link.md.

A message is a frozen dataclass whose fields carry their wire type. `encode` and `decode` work
from that table alone; there is no code per message.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any, ClassVar, TypeVar, dataclass_transform

from training.bundle.errors import LinkError

PROTOCOL = 1
"""The protocol version that this code speaks."""
OLDEST_PROTOCOL = 1
"""The oldest one that it still understands."""
MAX_TEXT = 31
"""Bytes of UTF-8 in a text field."""

_STRUCT = {
    "u8": "B",
    "u16": "H",
    "u32": "I",
    "u64": "Q",
    "f32": "f",
    "bytes3": "3s",
    "bytes8": "8s",
}


class ErrorCode(IntEnum):
    """Why the board refused a frame."""

    VERSION = 1
    CLOSED = 2
    UNKNOWN_TYPE = 3
    BAD_LENGTH = 4
    BAD_VALUE = 5
    NO_STREAM = 6
    NO_SENSOR = 7


class AckReason(IntEnum):
    """Why the board sends an ACK."""

    PROGRESS = 0
    GAP = 1
    DAMAGED = 2
    FULL = 3


class LostReason(IntEnum):
    """Why a window will never be scored."""

    GAP = 0
    ENGINE = 1
    OVERRUN = 2
    LEAD_OFF = 3


class SensorState(IntEnum):
    """Of the board's own sensor."""

    ABSENT = 0
    STOPPED = 1
    RUNNING = 2
    LEAD_OFF = 3
    ENDED = 4
    FAILED = 5


class TickUnit(IntEnum):
    """What a board counts beside microseconds."""

    MICROSECONDS = 0
    CYCLES = 1
    EMULATED_INSTRUCTIONS = 2


class Cache(IntEnum):
    """The instruction cache at boot."""

    OFF = 0
    ON = 1
    NONE = 2


ANOMALY = 1
"""Bit of Score.flags: the score was above the threshold."""
WATCH_INPUT = 2
"""Bit of Watch.mask and Score.flags: the window's int8 input is sent."""
WATCH_OUTPUT = 4
"""Bit of Watch.mask and Score.flags: the window's int8 output is sent."""
WATCH_SAMPLES = 8
"""Bit of Watch.mask: the samples are sent that the board takes itself."""


class Message:
    """Base of all messages. `TYPE` is the frame's type byte."""

    TYPE: ClassVar[int]
    MAY_GROW: ClassVar[bool] = False
    """Later versions may add fields at the end, which this one passes over."""


def _wire(code: str, *, default: Any) -> Any:
    return field(default=default, metadata={"wire": code})


BY_TYPE: dict[int, type[Message]] = {}
"""Every message's class by its type byte."""

M = TypeVar("M", bound=Message)


@dataclass_transform(frozen_default=True, field_specifiers=(_wire,))
def _message(type_: int, *, may_grow: bool = False) -> Callable[[type[M]], type[M]]:
    def register(cls: type[M]) -> type[M]:
        made = dataclass(frozen=True, slots=True)(cls)
        made.TYPE = type_
        made.MAY_GROW = may_grow
        BY_TYPE[type_] = made
        return made

    return register


# --- host to board ------------------------------------------------------------------------------


@_message(0x01, may_grow=True)
class Hello(Message):
    """Opens a session, or says that it is still the same one."""

    protocol: int = _wire("u8", default=PROTOCOL)
    oldest: int = _wire("u8", default=OLDEST_PROTOCOL)
    session: int = _wire("u32", default=0)


@_message(0x02)
class Goodbye(Message):
    """Ends the session."""


@_message(0x03)
class Restart(Message):
    """Begins a stream at a sample, or goes back in it."""

    stream: int = _wire("u32", default=0)
    sample: int = _wire("u64", default=0)
    window: int = _wire("u64", default=0)


@_message(0x04)
class Samples(Message):
    """int16 counts, channels interleaved, from an absolute sample index on."""

    sample: int = _wire("u64", default=0)
    counts: bytes = _wire("rest", default=b"")


@_message(0x05)
class Skip(Message):
    """Samples before this one that did not come never will."""

    sample: int = _wire("u64", default=0)


@_message(0x06)
class ReportAck(Message):
    """The reports of all windows before this one have come."""

    window: int = _wire("u64", default=0)
    resend: int = _wire("u8", default=0)


@_message(0x07)
class Watch(Message):
    """Which int8 windows to send with each score, and whether to send samples."""

    mask: int = _wire("u8", default=0)


@_message(0x08)
class StatisticsGet(Message):
    """Asks for STATISTICS."""


@_message(0x09)
class ThresholdGet(Message):
    """Asks for THRESHOLD."""


@_message(0x0A)
class ThresholdSet(Message):
    """Sets the threshold, until the next reset."""

    value: float = _wire("f32", default=0.0)


@_message(0x0B)
class BootGet(Message):
    """Asks for BOOT_REPORT."""


@_message(0x0C)
class Reboot(Message):
    """Asks the board to reset itself."""


@_message(0x0D)
class SamplingStart(Message):
    """Begins a stream of the board's own sensor."""

    stream: int = _wire("u32", default=0)
    sample: int = _wire("u64", default=0)
    window: int = _wire("u64", default=0)


@_message(0x0E)
class SamplingStop(Message):
    """Stops the board's own sensor."""


@_message(0x0F)
class SamplingGet(Message):
    """Asks for SAMPLING."""


@_message(0x10)
class SampledAck(Message):
    """The board's own samples before this one have come, or are known to be lost."""

    sample: int = _wire("u64", default=0)
    resend: int = _wire("u8", default=0)


# --- board to host ------------------------------------------------------------------------------


@_message(0x81, may_grow=True)
class HelloReply(Message):
    """What the board is and where its stream stands."""

    protocol: int = _wire("u8", default=0)
    oldest: int = _wire("u8", default=0)
    session: int = _wire("u32", default=0)
    boot: int = _wire("u32", default=0)
    stream: int = _wire("u32", default=0)
    next_sample: int = _wire("u64", default=0)
    next_window: int = _wire("u64", default=0)
    window: int = _wire("u32", default=0)
    hop: int = _wire("u32", default=0)
    channels: int = _wire("u8", default=0)
    max_payload: int = _wire("u16", default=0)
    credit: int = _wire("u16", default=0)
    reports: int = _wire("u16", default=0)
    rate: float = _wire("f32", default=0.0)
    threshold: float = _wire("f32", default=0.0)
    model_hash: bytes = _wire("bytes8", default=bytes(8))
    version: bytes = _wire("bytes3", default=bytes(3))
    board: str = _wire("text", default="")
    engine: str = _wire("text", default="")
    model: str = _wire("text", default="")


@_message(0x82)
class GoodbyeReply(Message):
    """The board has ended the session."""


@_message(0x83)
class Ack(Message):
    """What the board has taken, and what it can take."""

    next_sample: int = _wire("u64", default=0)
    next_window: int = _wire("u64", default=0)
    stream: int = _wire("u32", default=0)
    room: int = _wire("u16", default=0)
    watch: int = _wire("u8", default=0)
    heard: int = _wire("u8", default=0)
    reason: int = _wire("u8", default=0)


@_message(0x84)
class Score(Message):
    """One scored window."""

    window: int = _wire("u64", default=0)
    score: float = _wire("f32", default=0.0)
    microseconds: int = _wire("u32", default=0)
    flags: int = _wire("u8", default=0)


@_message(0x85)
class Lost(Message):
    """Windows that will never be scored."""

    window: int = _wire("u64", default=0)
    count: int = _wire("u64", default=0)
    reason: int = _wire("u8", default=0)


@_message(0x86)
class Window(Message):
    """A piece of a watched window's int8 input or output."""

    window: int = _wire("u64", default=0)
    which: int = _wire("u8", default=0)
    offset: int = _wire("u32", default=0)
    data: bytes = _wire("rest", default=b"")


@_message(0x88, may_grow=True)
class Statistics(Message):
    """The board's counters since its reset, modulo 2**32."""

    received: int = _wire("u32", default=0)
    repeated: int = _wire("u32", default=0)
    corrupt: int = _wire("u32", default=0)
    missing: int = _wire("u32", default=0)
    refused: int = _wire("u32", default=0)
    sent: int = _wire("u32", default=0)
    resent: int = _wire("u32", default=0)
    samples: int = _wire("u32", default=0)
    samples_repeated: int = _wire("u32", default=0)
    samples_skipped: int = _wire("u32", default=0)
    windows: int = _wire("u32", default=0)
    anomalies: int = _wire("u32", default=0)
    lost: int = _wire("u32", default=0)
    overruns: int = _wire("u32", default=0)


@_message(0x89)
class Threshold(Message):
    """The threshold and the first window that is judged by it."""

    value: float = _wire("f32", default=0.0)
    window: int = _wire("u64", default=0)


@_message(0x8B, may_grow=True)
class BootReport(Message):
    """What the board found out about itself when it started."""

    golden_passed: int = _wire("u16", default=0)
    golden_total: int = _wire("u16", default=0)
    model_bytes: int = _wire("u32", default=0)
    arena_used: int = _wire("u32", default=0)
    arena_size: int = _wire("u32", default=0)
    stack_used: int = _wire("u32", default=0)
    stack_size: int = _wire("u32", default=0)
    ticks: int = _wire("u32", default=0)
    microseconds: int = _wire("u32", default=0)
    tick_unit: int = _wire("u8", default=0)
    cache: int = _wire("u8", default=0)
    engine_status: int = _wire("u8", default=0)


@_message(0x8C)
class Sampled(Message):
    """int16 counts that the board took itself, channels interleaved."""

    sample: int = _wire("u64", default=0)
    skipped: int = _wire("u32", default=0)
    why: int = _wire("u8", default=0)
    counts: bytes = _wire("rest", default=b"")


@_message(0x8D, may_grow=True)
class Sampling(Message):
    """The board's own sensor: its stream, its state, and what it counted."""

    stream: int = _wire("u32", default=0)
    state: int = _wire("u8", default=0)
    taken: int = _wire("u32", default=0)
    lead_off: int = _wire("u32", default=0)
    overruns: int = _wire("u32", default=0)
    sensor: str = _wire("text", default="")


@_message(0x8F, may_grow=True)
class Error(Message):
    """The board refused a frame."""

    code: int = _wire("u8", default=0)
    type: int = _wire("u8", default=0)
    detail: int = _wire("u32", default=0)


# --- the codec ----------------------------------------------------------------------------------


class DecodeError(LinkError):
    """A payload that is not what its type says."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """A message's fields: those of fixed size, then texts, then at most one run of bytes."""

    fixed: struct.Struct
    names: tuple[str, ...]
    texts: tuple[str, ...]
    rest: str | None


def _layout(cls: type[Message]) -> _Layout:
    codes = [(f.name, f.metadata["wire"]) for f in fields(cls)]  # type: ignore[arg-type]
    fixed = [(name, _STRUCT[code]) for name, code in codes if code in _STRUCT]
    return _Layout(
        struct.Struct("<" + "".join(code for _, code in fixed)),
        tuple(name for name, _ in fixed),
        tuple(name for name, code in codes if code == "text"),
        next((name for name, code in codes if code == "rest"), None),
    )


_LAYOUTS = {cls: _layout(cls) for cls in BY_TYPE.values()}


def name_of(cls: type[Message]) -> str:
    """The message's name in docs/link.md: ``HelloReply`` is HELLO_REPLY."""
    return "".join("_" + c if c.isupper() else c for c in cls.__name__).upper().lstrip("_")


def encode(message: Message) -> bytes:
    """The message's payload.

    Raises:
        struct.error: a field does not fit its type.
    """
    layout = _LAYOUTS[type(message)]
    payload = layout.fixed.pack(*(getattr(message, name) for name in layout.names))
    for name in layout.texts:
        text = getattr(message, name).encode()[:MAX_TEXT]
        payload += bytes((len(text),)) + text
    if layout.rest is not None:
        payload += getattr(message, layout.rest)
    return payload


def decode(type_: int, payload: bytes) -> Message:
    """The message of a frame's type and payload.

    Raises:
        DecodeError: no such type, or a payload too short or too long for it.
    """
    cls = BY_TYPE.get(type_)
    if cls is None:
        raise DecodeError(f"the link has no message of type 0x{type_:02x}")
    layout = _LAYOUTS[cls]
    at = layout.fixed.size
    if len(payload) < at:
        raise DecodeError(f"{name_of(cls)} of {len(payload)} bytes is too short (at least {at})")
    values: dict[str, Any] = dict(zip(layout.names, layout.fixed.unpack_from(payload), strict=True))
    for name in layout.texts:
        size = payload[at] if at < len(payload) else MAX_TEXT + 1
        text = payload[at + 1 : at + 1 + size]
        if size > MAX_TEXT or len(text) < size:
            raise DecodeError(f"{name_of(cls)}: text '{name}' is cut short or too long")
        values[name] = text.decode(errors="replace")
        at += 1 + size
    if layout.rest is not None:
        values[layout.rest] = payload[at:]
    elif at < len(payload) and not cls.MAY_GROW:
        raise DecodeError(f"{name_of(cls)} of {len(payload)} bytes is too long (at most {at})")
    return cls(**values)
