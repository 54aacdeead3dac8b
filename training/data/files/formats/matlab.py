"""MATLAB files (.mat, version 5 to 7): the arrays of numbers in them.

The layout is that of "MAT-File Format" (MathWorks): elements of a type, a size and data. SciPy's
reader is not used, because a damaged file can crash it.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import DataError
from training.data.files.formats.arrays import sheet_of
from training.data.files.options import Options
from training.data.files.sheet import Sheet, check_size

SUFFIXES = (".mat",)
HEADER = 128  # bytes before the first element
MATRIX, COMPRESSED = 14, 15
COMPLEX = 0x0800  # flag of an array with imaginary parts
DTYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
DTYPES |= {13: "u8"}
NUMERIC = range(6, 16)  # array classes of numbers, from double to uint64


def sniff(head: bytes) -> bool:
    """Return whether this is a MATLAB file of version 5 or later."""
    return head[:6] == b"MATLAB"


def read(path: Path, options: Options) -> Sheet:
    """Read the longest arrays of numbers as channels; a scalar named like a rate is the rate."""
    raw = path.read_bytes()
    if raw[124:126] == b"\x00\x02" or b"\x89HDF" in raw[:1024]:
        raise DataError(f"{path}: is a MATLAB file of version 7.3; save it with -v7")
    order = {b"IM": "<", b"MI": ">"}.get(raw[126:128])
    arrays: dict[str, Any] = {}
    try:
        if order is None:
            raise ValueError("no byte order")
        for kind, data in _elements(memoryview(raw)[HEADER:], order):
            if kind == COMPRESSED:
                data = _inflated(path, data, order)
            if kind in (MATRIX, COMPRESSED) and (named := _array(path, data, order)):
                arrays[named[0]] = named[1]
    except (ValueError, struct.error, zlib.error, KeyError):
        raise DataError(f"{path}: is a damaged MATLAB file; save it again with -v7") from None
    return sheet_of(path, arrays, options)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yield type and data of each element; ValueError if one reaches beyond the end."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(order + "II", data, at)
        begin = at + 8
        if kind >> 16:  # a small element, with its data in the tag
            kind, size, begin = kind & 0xFFFF, kind >> 16, at + 4
            at += 8
        else:
            at = begin + size + (0 if kind == COMPRESSED else -size % 8)
        if begin + size > len(data):
            raise ValueError("cut off")
        yield kind, data[begin : begin + size]


def _inflated(path: Path, data: memoryview, order: str) -> memoryview:
    """Return the array in a compressed element, or nothing if it holds something else."""
    inflate = zlib.decompressobj()
    tag = inflate.decompress(data, 8)
    kind, size = struct.unpack(order + "II", tag)
    if kind != MATRIX:
        return memoryview(b"")
    check_size(path, size // 8)
    return memoryview(inflate.decompress(inflate.unconsumed_tail, max(1, size)))


def _array(path: Path, data: memoryview, order: str) -> tuple[str, NDArray[Any]] | None:
    """Return name and values of an array, None if it holds no real numbers."""
    parts = list(islice(_elements(data, order), 4))
    flags = parts[0][1] if parts else memoryview(b"")
    if len(flags) < 8:
        return None
    (word,) = struct.unpack_from(order + "I", flags)
    if word & 0xFF not in NUMERIC or word & COMPLEX or len(parts) < 4:
        return None
    _, (_, sizes), (_, name), (kind, values) = parts
    shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes)
    count = math.prod(shape)
    if min(shape, default=0) < 0:
        raise ValueError("negative size")
    check_size(path, count)
    array = np.frombuffer(values, np.dtype(order + DTYPES[kind]), count)
    return bytes(name).decode("latin-1"), array.reshape(shape, order="F")
