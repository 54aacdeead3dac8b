"""NumPy arrays (.npy, .npz): arrays by name."""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import DataError
from training.data.files.cells import quoted
from training.data.files.header import MOST_NUMBERED
from training.data.files.options import Options
from training.data.files.sheet import MOST_COLUMNS, Column, Sheet, check_size

SUFFIXES = (".npy", ".npz")
RATES = re.compile(r"(?:rate|rate_hz|fs|sfreq|sampling_?rate|sample_?rate|samplingrate)", re.I)

HEADERS = {  # readers by the version of the format
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
    (3, 0): np.lib.format.read_array_header_2_0,  # differs in the names of fields alone
}


def sniff(head: bytes) -> bool:
    """Return whether this is an array, or a ZIP of arrays."""
    zipped = head[:4] == b"PK\x03\x04" and b".npy" in head[:256]
    return head[:6] == b"\x93NUMPY" or zipped


def read(path: Path, options: Options) -> Sheet:
    """Read the longest arrays of numbers as channels; a scalar named like a rate is the rate."""
    try:
        arrays = _arrays(path)
    except DataError:
        raise
    except Exception as problem:  # numpy and zipfile raise a dozen kinds for damaged files
        raise DataError(f"{path}: cannot be read: {quoted(str(problem))}") from None
    return sheet_of(path, arrays, options)


def sheet_of(path: Path, arrays: Mapping[str, Any], options: Options) -> Sheet:
    """Return the longest arrays of numbers as columns, and a scalar named like a rate as the rate.

    Raises DataError: no such array, or `options.header` has another number of names.
    """
    rate = None
    signals: dict[str, Any] = {}
    times: set[str] = set()
    others = []  # names of arrays that are left out
    for name, array in arrays.items():
        value = np.squeeze(np.asarray(array))
        if value.dtype.kind == "M" and value.ndim == 1:
            value = _seconds(value)
            times.add(name)
        if value.dtype.kind not in "fiub":
            others += [quoted(name)] * (value.size > 1)
            continue
        if value.ndim == 0:
            if RATES.fullmatch(name) and 0 < float(value) < float("inf"):
                rate = float(value)
        elif value.ndim <= 2 and value.size > 1:
            if value.ndim == 2 and value.shape[0] < value.shape[1] and not _windows(value, options):
                value = value.T  # channels are the shorter side
            signals[name] = value
    if signals.keys() <= times:
        raise DataError(f"{path}: holds no array of numbers with one or two dimensions")
    frames = max(len(value) for value in signals.values())
    used = {name: value for name, value in signals.items() if len(value) == frames}
    check_size(path, sum(value.size for value in used.values()))
    columns = []
    for name, value in used.items():
        if value.ndim == 1:
            kind: Literal["time", "number"] = "time" if name in times else "number"
            column = np.ascontiguousarray(value, np.float64)
            columns.append(Column(_plain(name), column, kind=kind))
            continue
        columns += [
            Column(f"{_plain(name)}_{c}", np.ascontiguousarray(value[:, c], np.float64))
            for c in range(value.shape[1])
        ]
    if options.header is not None:
        if len(options.header) != len(columns):
            raise DataError(
                f"{path}: holds {len(columns)} channels, but data.header names "
                f"{len(options.header)}"
            )
        columns = [replace(c, name=n) for n, c in zip(options.header, columns, strict=True)]
    others += [quoted(name) for name in signals if name not in used]
    note = f"arrays that are shorter or hold no numbers are left out: {', '.join(others[:8])}"
    return Sheet(path, tuple(columns), rate_hz=rate, notes=(note,) if others else ())


def _seconds(times: NDArray[np.datetime64]) -> NDArray[np.float64]:
    """Return seconds since 1970, NaN where the time is missing."""
    seconds = times.astype("datetime64[us]").astype(np.int64) / 1e6
    return np.where(np.isnat(times), np.nan, seconds)


def _windows(array: NDArray[Any], options: Options) -> bool:
    """Return whether the rows of a wide array are windows: more than any sensor has channels."""
    rows, samples = array.shape
    unnamed = options.channels is None and options.header is None
    return options.row_is_window is not None or (
        unnamed and rows > MOST_NUMBERED and samples <= MOST_COLUMNS
    )


def _arrays(path: Path) -> Mapping[str, Any]:
    with path.open("rb") as file:
        zipped = file.read(2) == b"PK"
    if zipped:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            check_size(path, sum(member.file_size for member in members) // 8)
            for member in members:
                with archive.open(member) as array:
                    _check_claim(path, array, member.file_size)
    else:
        size = path.stat().st_size
        check_size(path, size // 8)
        with path.open("rb") as array:
            _check_claim(path, array, size)
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        if loaded.dtype.names:
            return {name: loaded[name] for name in loaded.dtype.names}
        return {"signal": loaded}
    with loaded:
        return {name: loaded[name] for name in loaded.files}


def _check_claim(path: Path, array: IO[bytes], size: int) -> None:
    """Raise DataError if the header of an array claims more than the `size` bytes that it has.

    NumPy would allocate what the header claims.
    """
    try:
        version = np.lib.format.read_magic(array)  # type: ignore[no-untyped-call]
        shape, _, kind = HEADERS[version](array)
    except Exception:
        return  # np.load says why
    claimed = math.prod(shape) * kind.itemsize
    if not kind.hasobject and claimed > size - array.tell():
        raise DataError(
            f"{path}: is damaged: an array's header claims {claimed} bytes, but "
            f"{size - array.tell()} follow; copy or save it again"
        )


def _plain(name: str) -> str:
    """Return a name without the recording's number: X097_DE_time is DE_time in every file."""
    return re.sub(r"^X\d+_?", "", name) or name
