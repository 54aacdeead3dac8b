"""Edge Impulse's data acquisition format, as JSON or CBOR: payload.sensors, interval_ms, values."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from training.bundle.errors import DataError
from training.data.files.cells import quoted
from training.data.files.options import Options
from training.data.files.sheet import Column, Sheet, check_size
from training.data.files.text import open_file, read_bytes

SUFFIXES = (".json", ".cbor", ".json.gz", ".cbor.gz")
LARGEST = 1 << 29  # bytes: the parsed document takes several times as much


def sniff(head: bytes) -> bool:
    """Return whether this is a JSON object or array, or a CBOR map with a payload."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return start == b"{" or head.lstrip()[:2] in (b"[{", b"[[") or _is_cbor(head)


def _is_cbor(head: bytes) -> bool:
    return head[:1] >= b"\xa0" and head[:1] <= b"\xbf" and b"gpayload" in head[:4096]


def read(path: Path, options: Options) -> Sheet:
    """Read payload.values; DataError if the document is of another form."""
    with open_file(path) as file:
        raw = read_bytes(path, file, LARGEST + 1)
    if len(raw) > LARGEST:
        raise DataError(f"{path}: is larger than {LARGEST >> 20} MB; split it, or save it as CSV")
    document = _parse(path, raw)
    payload = document.get("payload") if isinstance(document, dict) else None
    if not isinstance(payload, dict) or not isinstance(payload.get("values"), list):
        raise DataError(
            f"{path}: is JSON or CBOR, but not an Edge Impulse acquisition (it has no "
            "payload.values); save it as CSV"
        )
    sensors = payload.get("sensors")
    try:
        names = [str(sensor["name"]) for sensor in sensors or []]
        units = [str(sensor.get("units", "")) for sensor in sensors or []]
        values = np.array(payload["values"], np.float64)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        raise DataError(
            f"{path}: payload.sensors must name each sensor, and payload.values hold one list of "
            "as many numbers per sample"
        ) from None
    if values.ndim == 1:
        values = values[:, None]
    check_size(path, values.size)
    if values.ndim != 2 or not len(values):
        raise DataError(f"{path}: payload.values must hold one list of numbers per sample")
    if values.shape[1] != len(names):
        raise DataError(
            f"{path}: payload.values hold {values.shape[-1]} numbers per sample, but "
            f"payload.sensors names {len(names)}"
        )
    interval: Any = payload.get("interval_ms")
    if type(interval) not in (int, float) or not 1e-6 <= interval < 1e12:  # bool is an int
        raise DataError(
            f"{path}: payload.interval_ms is '{quoted(str(interval))}', must be a number above 0"
        )
    columns = [
        Column(name, np.ascontiguousarray(values[:, c]), unit)
        for c, (name, unit) in enumerate(zip(names, units, strict=True))
    ]
    return Sheet(path, tuple(columns), rate_hz=1000 / interval, notes=("Edge Impulse's format",))


def _parse(path: Path, raw: bytes) -> Any:
    import cbor2  # needed by this format only

    try:
        return cbor2.load(io.BytesIO(raw)) if _is_cbor(raw) else json.loads(raw)
    except json.JSONDecodeError as problem:
        if problem.msg == "Extra data":
            raise DataError(
                f"{path}: row {problem.lineno} begins a second JSON document; save it as CSV"
            ) from None
        raise DataError(
            f"{path}: row {problem.lineno}, character {problem.colno}: is no JSON: "
            f"{quoted(problem.msg)}"
        ) from None
    except (ValueError, RecursionError, cbor2.CBORError) as problem:
        raise DataError(f"{path}: is damaged: {quoted(str(problem))}") from None
