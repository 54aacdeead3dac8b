"""The board's side of the link, compiled for the host: `link_board.cpp` through ctypes."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.build_cache import compile_objects, link
from tools.checkout import LIBRARIES
from tools.link.frames import Frame

SOURCES = [
    *sorted((LIBRARIES / "link").glob("*.cpp")),
    *sorted((LIBRARIES / "sampling").glob("*.cpp")),
    LIBRARIES / "app" / "plot_line.cpp",
    LIBRARIES / "signal" / "calibration.cpp",
    LIBRARIES / "signal" / "segmenter.cpp",
    LIBRARIES / "storage" / "slot_store.cpp",
    Path(__file__).with_name("link_board.cpp"),
]
INCLUDES = [LIBRARIES / name for name in ("app", "link", "sampling", "signal", "span", "storage")]
COMPILER = [
    *("g++", "-std=c++17", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"),
    *("-fsanitize=undefined", "-fno-sanitize-recover=undefined", "-static-libubsan"),
]


@functools.lru_cache(maxsize=1)
def library() -> ctypes.CDLL:
    """The board's side of the link as a shared library, with the types of its functions."""
    lib = ctypes.CDLL(str(link(COMPILER, compile_objects(COMPILER, SOURCES, INCLUDES), "link.so")))
    size, pointer, u8, u32, u64 = (
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_uint8,
        ctypes.c_uint32,
        ctypes.c_uint64,
    )
    data = ctypes.c_char_p
    for name, result, *arguments in (
        ("crc32", u32, u32, data, size),
        ("encode_frame", size, u8, u8, data, size, pointer, size),
        ("receiver_new", pointer),
        ("receiver_delete", None, pointer),
        ("receiver_push", size, pointer, data, size, pointer),
        ("recode", ctypes.c_int, u8, data, size, pointer, size, pointer),
        ("undetected_bursts", u64, data, size, ctypes.c_uint, ctypes.POINTER(u64)),
        ("accepted", size, data, size),
        ("convert", ctypes.c_int, ctypes.c_int32, u8, ctypes.c_int32, ctypes.c_int),
        ("plot_line", size, ctypes.c_int, ctypes.c_float, ctypes.c_float, ctypes.c_int, pointer),
        ("board_new", pointer, u32, u32, u32, u32, u32, ctypes.c_int),
        ("board_begin_with_memory_of", None, pointer, pointer),
        ("board_delete", None, pointer),
        ("board_feed", None, pointer, data, size),
        ("board_take", size, pointer, pointer, size),
        ("board_poll", ctypes.c_int, pointer, u32, size),
        ("board_fail_on", None, pointer, u64),
        ("board_dropped", u32, pointer),
        ("board_reboot_asked", ctypes.c_int, pointer),
        ("board_is_open", ctypes.c_int, pointer),
        ("board_attach", None, pointer, u32),
        ("board_tick", ctypes.c_int, pointer, ctypes.POINTER(ctypes.c_int16)),
        ("board_miss", None, pointer),
        ("board_sensor", None, pointer, ctypes.c_int, ctypes.c_int),
        ("board_start_sampling", ctypes.c_int, pointer),
        ("board_console_key", ctypes.c_int, pointer),
    ):
        function = getattr(lib, f"vigil_{name}")
        function.restype = result
        function.argtypes = arguments
    return lib


def crc32(data: bytes, crc: int = 0) -> int:
    return library().vigil_crc32(crc, data, len(data))


def encode_frame(type_: int, sequence: int, payload: bytes, room: int = 512) -> bytes:
    """The bytes of a frame on the wire; empty if it does not fit."""
    out = ctypes.create_string_buffer(room)
    size = library().vigil_encode_frame(type_, sequence, payload, len(payload), out, room)
    return out.raw[:size]


class Receiver:
    def __init__(self) -> None:
        self._receiver = library().vigil_receiver_new()

    def __del__(self) -> None:
        library().vigil_receiver_delete(self._receiver)

    def feed(self, data: bytes) -> list[Frame | None]:
        """The frames in order; None for each piece that is not a valid frame."""
        out = ctypes.create_string_buffer(8 * len(data) + 16)
        size = library().vigil_receiver_push(self._receiver, data, len(data), out)
        records, events, at = out.raw[:size], [], 0
        while at < size:
            if records[at] == 2:
                events.append(None)
                at += 1
                continue
            length = int.from_bytes(records[at + 3 : at + 5], "little")
            payload = records[at + 5 : at + 5 + length]
            events.append(Frame(records[at + 1], records[at + 2], payload))
            at += 5 + length
        return events


def recode(type_: int, payload: bytes) -> tuple[list[str], bytes] | None:
    """The fields as C++ decodes them, and the payload as C++ encodes it again; None: refused."""
    text = ctypes.create_string_buffer(4096)
    out = ctypes.create_string_buffer(512)
    size = library().vigil_recode(type_, payload, len(payload), text, 4096, out)
    if size < 0:
        return None
    values = text.value.decode()
    return values.split("\t") if values else [], out.raw[:size]


def undetected_bursts(wire: bytes, bits: int) -> tuple[int, int]:
    """Numbers of undetected and of tried bursts of up to `bits` bits."""
    tried = ctypes.c_uint64()
    count = library().vigil_undetected_bursts(wire, len(wire), bits, ctypes.byref(tried))
    return count, tried.value


def accepted(wire: bytes) -> int:
    """Number of frames that a receiver accepts from `wire`, between the zeros of neighbours."""
    return library().vigil_accepted(wire, len(wire))


def convert(multiplier: int, shift: int, offset: int, raw: int) -> int:
    """Convert a raw value of a sensor to the model's counts."""
    return int(library().vigil_convert(multiplier, shift, offset, raw))


def plot_line(style: int, score: float, threshold: float, flag: bool) -> str:
    """A window as a line for a plotter; style 1: Serial Plotter, 2: Teleplot."""
    out = ctypes.create_string_buffer(80)
    size = library().vigil_plot_line(style, score, threshold, flag, out)
    assert size <= 80
    return out.raw[:size].decode()


@dataclass
class BoardConfig:
    window: int = 140
    hop: int = 140
    channels: int = 1
    ring: int = 256
    """Bytes in the receive ring; it drops excess bytes, as on the Nano."""
    other_model: bool = False
    """Whether its image has another model, with a threshold of 0.25 that the build chose."""
    sensor: bool = False
    """Whether it has a sensor, of 1 or 3 channels."""


class Board:
    """A board in memory: bytes in, bytes out, and a clock that the test moves."""

    def __init__(self, config: BoardConfig, boot: int = 1) -> None:
        self._board = library().vigil_board_new(
            *(config.window, config.hop, config.channels, config.ring, boot, config.other_model)
        )
        self._out = ctypes.create_string_buffer(4096)
        if config.sensor:
            library().vigil_board_attach(self._board, config.channels)

    def __del__(self) -> None:
        library().vigil_board_delete(self._board)

    def begin_with_memory_of(self, other: Board) -> None:
        """Start with the non-volatile memory of another board."""
        library().vigil_board_begin_with_memory_of(self._board, other._board)

    def feed(self, data: bytes) -> None:
        library().vigil_board_feed(self._board, data, len(data))

    def take(self) -> bytes:
        size = library().vigil_board_take(self._board, self._out, 4096)
        return self._out.raw[:size]

    def poll(self, now_us: int, out_room: int = 1 << 20) -> bool:
        """Whether something was done or is left to do."""
        return bool(library().vigil_board_poll(self._board, now_us & 0xFFFFFFFF, out_room))

    def fail_on(self, window: int) -> None:
        library().vigil_board_fail_on(self._board, window)

    @property
    def dropped(self) -> int:
        """Number of bytes dropped because the receive ring was full."""
        return library().vigil_board_dropped(self._board)

    @property
    def reboot_asked(self) -> bool:
        return bool(library().vigil_board_reboot_asked(self._board))

    @property
    def is_open(self) -> bool:
        return bool(library().vigil_board_is_open(self._board))

    def tick(self, counts: Sequence[int] | None) -> bool:
        """Run a period of the sensor's timer: one count per channel, None while a lead is off.

        False when it is not running.
        """
        values = None if counts is None else (ctypes.c_int16 * len(counts))(*counts)
        return bool(library().vigil_board_tick(self._board, values))

    def miss(self) -> None:
        """Run a period of the sensor's timer whose reading is lost."""
        library().vigil_board_miss(self._board)

    def sensor(self, *, answers: bool = True, over: bool = False) -> None:
        """Set whether the sensor answers, and whether its recording is over."""
        library().vigil_board_sensor(self._board, answers, over)

    def start_sampling(self) -> bool:
        """Start the sensor without a host."""
        return bool(library().vigil_board_start_sampling(self._board))

    @property
    def console_key(self) -> str:
        """The last console key: a letter alone on a line."""
        key = library().vigil_board_console_key(self._board)
        return chr(key) if key else ""
