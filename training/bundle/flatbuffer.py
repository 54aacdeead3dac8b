"""A reader of FlatBuffers that checks every offset, so that it refuses damaged files.

Neither the FlatBuffers library for Python nor TensorFlow Lite Micro verifies its input.
Format: https://flatbuffers.dev/internals (little-endian; a table points back at its vtable).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


class DamagedError(ValueError):
    """An offset or length that points outside the file."""


@dataclass(frozen=True)
class Table:
    """A table at absolute position `at`; fields are named by their number in the schema."""

    data: bytes
    at: int

    def int8(self, field: int, default: int = 0) -> int:
        """Signed byte."""
        return int(self._scalar(field, "<b", default))

    def uint8(self, field: int, default: int = 0) -> int:
        """Unsigned byte, the type of booleans and of unions' tags too."""
        return int(self._scalar(field, "<B", default))

    def int32(self, field: int, default: int = 0) -> int:
        """Signed word."""
        return int(self._scalar(field, "<i", default))

    def uint32(self, field: int, default: int = 0) -> int:
        """Unsigned word."""
        return int(self._scalar(field, "<I", default))

    def float32(self, field: int, default: float = 0.0) -> float:
        """Single precision."""
        return float(self._scalar(field, "<f", default))

    def table(self, field: int) -> Table | None:
        """A table, or None where the field is absent."""
        at = self._field(field)
        return None if at is None else _table(self.data, self._target(at))

    def tables(self, field: int) -> list[Table]:
        """A vector of tables; empty where the field is absent."""
        start, count = self._vector(field, 4)
        return [_table(self.data, self._target(start + 4 * i)) for i in range(count)]

    def array(self, field: int, dtype: str) -> NDArray[np.generic]:
        """A vector of scalars of numpy type `dtype` (little-endian); empty where absent."""
        kind = np.dtype(dtype)
        start, count = self._vector(field, kind.itemsize)
        return np.frombuffer(self.data, kind, count, start) if count else np.empty(0, kind)

    def text(self, field: int) -> str:
        """A string; empty where absent. Bytes that are not UTF-8 are replaced."""
        return self.array(field, "u1").tobytes().decode("utf-8", "replace")

    def _scalar(self, field: int, form: str, default: float) -> float:
        at = self._field(field)
        return default if at is None else _unpack(form, self.data, at)

    def _field(self, field: int) -> int | None:
        """The position of a field, or None if the table does not have it."""
        vtable = self.at - int(_unpack("<i", self.data, self.at))
        size = int(_unpack("<H", self.data, vtable))
        slot = 4 + 2 * field
        if slot + 2 > size:
            return None
        offset = int(_unpack("<H", self.data, vtable + slot))
        return self.at + offset if offset else None

    def _target(self, at: int) -> int:
        return at + int(_unpack("<I", self.data, at))

    def _vector(self, field: int, item: int) -> tuple[int, int]:
        at = self._field(field)
        if at is None:
            return 0, 0
        start = self._target(at)
        count = int(_unpack("<I", self.data, start))
        if start + 4 + count * item > len(self.data):
            raise DamagedError(f"a vector of {count} at byte {start} runs past the end")
        return start + 4, count


def root(data: bytes, identifier: bytes) -> Table:
    """The root table of a buffer with the four-byte file `identifier`.

    Raises:
        DamagedError: the identifier or an offset is wrong.
    """
    if len(data) < 8 or data[4:8] != identifier:
        raise DamagedError(f"the file identifier '{identifier.decode()}' is missing")
    return _table(data, int(_unpack("<I", data, 0)))


def _table(data: bytes, at: int) -> Table:
    table = Table(data, at)
    table._field(0)  # raises if the vtable cannot be read
    return table


def _unpack(form: str, data: bytes, at: int) -> float:
    if not 0 <= at <= len(data) - struct.calcsize(form):
        raise DamagedError(f"byte {at} is outside the file")
    value: float = struct.unpack_from(form, data, at)[0]
    return value
