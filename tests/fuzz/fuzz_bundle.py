"""Fuzz targets: the readers of manifest.json and golden.npz."""

from __future__ import annotations

import atexit
import copy
import functools
import io
import json
import random
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fuzz.changes import one_line, some_bytes
from tools.measure.bench.small_bundle import small_bundle
from training.bundle import GOLDEN, MANIFEST, Bundle, parse_manifest, read_bundle, sha256
from training.bundle.errors import BundleError


def manifest(data: bytes) -> None:
    """Read any bytes as manifest.json."""
    try:
        parse_manifest(data, MANIFEST)
    except BundleError as error:
        one_line(error)


@functools.cache
def _folder() -> Path:
    folder = tempfile.mkdtemp(prefix="vigil-fuzz-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@functools.cache
def _bundle() -> Bundle:
    """The bundle whose files are damaged."""
    return small_bundle(_folder() / "small")


def manifest_seeds() -> list[bytes]:
    text = (_bundle().path / MANIFEST).read_bytes()
    compact = json.dumps(json.loads(text)).encode()
    return [text, compact, b"{}", b'{"schema": 1}', b'{"schema": 2}', b"[]", b"null", b""]


_VALUES: list[Any] = [
    None, True, False, 0, 1, -1, 2**31, 2**64, -(2**63), 1e-320, 1e308, 0.5, float("nan"),
    float("inf"), "", "a", "../../etc", "a\nb", "\x1b[31m", "\ud800", "ä" * 3000, [], {}, [[]],
    [0.0], ["x"] * 300, {"kind": "affine"}, {"kind": []}, {"": 0}, {"a\nb": 1},
]  # fmt: skip


def _json_items(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _json_items(inner)


def damaged_json(data: bytes, draw: random.Random) -> bytes:
    """Remove or rename a key, or give it another key's value or an odd one; or change bytes."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return some_bytes(data, draw)
    if not isinstance(values, dict | list) or draw.random() < 0.3:
        if draw.random() < 0.1:
            return data.replace(b"1", b"1" * draw.choice([40, 400, 5000]), 3)
        return some_bytes(data, draw)
    for _ in range(draw.choice([1, 1, 2, 3])):
        items = list(_json_items(values))
        if not items:
            break
        holder, key = draw.choice(items)
        kind = draw.randrange(5)
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[draw.choice(["", "x", "a\nb", f"{key}s", "\ud800"])] = holder.pop(key)
        elif kind == 2:
            other, other_key = draw.choice(items)
            try:
                holder[key] = json.loads(json.dumps(other[other_key]))
            except (KeyError, IndexError):
                continue
        else:
            holder[key] = copy.deepcopy(draw.choice(_VALUES))
    return json.dumps(values).encode()


def golden(data: bytes) -> None:
    """Read any bytes as golden.npz of a bundle whose manifest has their size and hash."""
    bundle = _bundle()
    values = json.loads((bundle.path / MANIFEST).read_bytes())
    values["golden"] |= {"bytes": max(len(data), 1), "sha256": sha256(data)}
    folder = _folder() / "damaged"
    if not folder.exists():
        shutil.copytree(bundle.path, folder)
    (folder / MANIFEST).write_text(json.dumps(values))
    (folder / GOLDEN).write_bytes(data)
    try:
        read_bundle(folder)
    except BundleError as error:
        one_line(error)


def golden_seeds() -> list[bytes]:
    data = (_bundle().path / GOLDEN).read_bytes()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return [data, _zipped(parts), b"", b"PK\x05\x06" + bytes(18), b"\x93NUMPY\x01\x00"]


def _zipped(parts: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, part in parts.items():
            archive.writestr(zipfile.ZipInfo(name), part)
    return out.getvalue()


def damaged_npz(data: bytes, draw: random.Random) -> bytes:
    """Change an array's bytes or header and pack it with a correct CRC; or change bytes."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > 1 << 20:
                return some_bytes(data, draw)
            parts = {name: archive.read(name) for name in archive.namelist()}
    except Exception:
        return some_bytes(data, draw)
    if not parts or draw.random() < 0.2:
        return some_bytes(data, draw)
    name = draw.choice(list(parts))
    kind = draw.randrange(6)
    if kind == 0:
        parts[name] = some_bytes(parts[name], draw)
    elif kind == 1:
        parts[draw.choice(["x.npy", "counts.npy", "../label.npy", "a\nb.npy", ""])] = parts[name]
    elif kind == 2:
        del parts[name]
    elif kind == 3:
        shape = tuple(
            draw.choice([0, 1, 6, 24, 2**20, 2**40, -1]) for _ in range(draw.randrange(4))
        )
        kinds = ["<i2", "|i1", "<f4", "|O", "<U9", "<M8[s]", [("a", "<i2")], ">i2", "|V8", "x"]
        header = str({"descr": draw.choice(kinds), "fortran_order": False, "shape": shape})
        text = header.encode().ljust(117) + b"\n"
        parts[name] = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + parts[name][-99:]
    elif kind == 4:
        parts[name] = parts[name][:10] + some_bytes(parts[name][10:128], draw) + parts[name][128:]
    else:
        parts[name] += bytes(draw.choice([1, 1000, 200_000]))
    return _zipped(parts, draw.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
