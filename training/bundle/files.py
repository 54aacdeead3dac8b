"""Write a bundle, and read one with every check that docs/bundle.md promises."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import shutil
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import BundleError
from training.bundle.manifest import SCHEMA, Manifest
from training.bundle.validation import brief, validate

MANIFEST, MODEL, GOLDEN, EVALUATION = (
    "manifest.json",
    "model.tflite",
    "golden.npz",
    "evaluation.npz",
)
# Derived from a bundle and stale as soon as it is written anew.
_OURS = {
    *(MANIFEST, MODEL, GOLDEN, EVALUATION, "report.html", "keras.weights.h5"),
    *("encoder.tflite", "encoder"),
}


LARGEST = 1 << 30
"""Bytes of all arrays of an .npz together."""
HEADER = 16384
"""Bytes of one array's header, at the most."""


@dataclass(frozen=True, eq=False)
class GoldenWindows:
    """Real windows and what they must give.

    counts int16 [G, window, channels], input int8 [G, in], output int8 [G, out],
    score float32 [G], label int8 [G]
    """

    counts: NDArray[np.int16]
    input: NDArray[np.int8]
    output: NDArray[np.int8]
    score: NDArray[np.float32]
    label: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle that passed every check."""

    path: Path
    manifest: Manifest
    model: bytes
    golden: GoldenWindows
    manifest_sha256: str

    @property
    def hash8(self) -> bytes:
        """The 8 bytes by which board and host know that they speak of the same bundle."""
        return bytes.fromhex(self.manifest_sha256)[:8]

    def evaluation(self) -> dict[str, NDArray[Any]]:
        """What the report draws: scores, labels, codes and reconstructions (docs/training.md).

        Not part of the contract; BundleError if the file is not there.
        """
        path = self.path / EVALUATION
        try:
            return _arrays(path.read_bytes(), str(path))
        except FileNotFoundError:
            raise BundleError(f"{path} is missing: train again to make it") from None


def crc32(data: bytes) -> int:
    """CRC-32 of IEEE 802.3."""
    return zlib.crc32(data) & 0xFFFFFFFF


def sha256(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """An .npz of `arrays`: the same arrays give the same bytes (entries carry no time)."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def manifest_text(manifest: Manifest) -> str:
    """manifest.json's text."""
    values = manifest.model_dump(mode="json", by_alias=True)
    return json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def check_place(path: Path) -> None:
    """BundleError if no bundle can be put at `path`: something else is there, or nothing may be."""
    path = Path(path)
    try:
        taken = path.exists() and (
            not path.is_dir() or (any(path.iterdir()) and not _is_bundle(path))
        )
        if not taken:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent):
                return
    except OSError as problem:
        raise BundleError(
            f"{path}: cannot be written: {problem.strerror}; choose another folder"
        ) from None
    raise BundleError(f"{path} exists and is no bundle: choose another name, or remove it")


def write_bundle(
    path: Path,
    manifest: Manifest,
    model: bytes,
    golden: bytes,
    evaluation: bytes | None = None,
) -> Bundle:
    """Put a bundle at `path` in one step, in place of an older one, and read it back.

    `golden` and `evaluation` are what `pack_arrays` gives. Files in the older folder that no
    part of Vigil's training wrote are kept.
    Raises BundleError if `path` is a folder of something else, or the parts do not agree.
    """
    path = Path(path)
    check_place(path)
    files = {MANIFEST: manifest_text(manifest).encode(), MODEL: model, GOLDEN: golden}
    if evaluation is not None:
        files[EVALUATION] = evaluation
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as scratch:
        new = Path(scratch) / "new"
        new.mkdir()
        for name, data in files.items():
            (new / name).write_bytes(data)
        read_bundle(new)  # nothing that would be refused takes an older bundle's place
        if path.exists():
            for kept in path.iterdir():
                if kept.name not in _OURS:
                    shutil.move(kept, new / kept.name)
            path.rename(Path(scratch) / "old")
        new.chmod(0o777 & ~_umask())
        new.rename(path)
    return read_bundle(path)


def read_bundle(path: Path) -> Bundle:
    """Read and check the bundle at `path`.

    Raises BundleError, one line: which file or field, and why.
    """
    path = Path(path)
    if not path.is_dir():
        raise BundleError(f"{path}: no such bundle (a folder with {MANIFEST}); train it first")
    text = _read(path / MANIFEST)
    manifest = parse_manifest(text, str(path / MANIFEST))
    model = _read(path / MODEL)
    _check_file(path / MODEL, model, manifest.model.bytes, manifest.model.sha256)
    if crc32(model) != manifest.model.crc32:
        raise BundleError(f"{path / MODEL}: CRC-32 differs from the manifest's model.crc32")
    golden = _read(path / GOLDEN)
    _check_file(path / GOLDEN, golden, manifest.golden.bytes, manifest.golden.sha256)
    return Bundle(
        path=path,
        manifest=manifest,
        model=model,
        golden=_golden_windows(golden, manifest, str(path / GOLDEN)),
        manifest_sha256=sha256(text),
    )


def parse_manifest(text: bytes, where: str) -> Manifest:
    """The manifest in `text`; BundleError, naming `where` and the field, if it is none."""
    try:
        values = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as problem:  # ValueError: bytes, syntax, endless digits
        raise BundleError(f"{where}: not JSON: {brief(str(problem))}") from None
    if not isinstance(values, dict) or "schema" not in values:
        raise BundleError(f"{where}: not a Vigil manifest: it has no 'schema'")
    if values["schema"] != SCHEMA:
        raise BundleError(
            f"{where}: schema {brief(repr(values['schema']), 60)}, but this version of Vigil reads "
            f"schema {SCHEMA}; train again, or use the version that wrote it"
        )
    return validate(Manifest, values, where, BundleError)


def _is_bundle(path: Path) -> bool:
    return (path / MANIFEST).is_file()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise BundleError(f"{path} is missing: the bundle is incomplete; train again") from None
    except OSError as problem:
        raise BundleError(f"{path}: {problem.strerror}") from None


def _check_file(path: Path, data: bytes, size: int, digest: str) -> None:
    if len(data) != size:
        raise BundleError(f"{path} has {len(data)} bytes, but the manifest says {size}")
    if sha256(data) != digest:
        raise BundleError(f"{path}: SHA-256 differs from the manifest's; the file was changed")


def _arrays(data: bytes, where: str, most: int = LARGEST) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz, of `most` bytes in all: what a header claims is allocated by nobody.

    Raises BundleError.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's, about headers that it finds odd
            size = sum(info.file_size for info in archive.infolist())
            if size > most:
                raise BundleError(f"{where}: unpacks to {size} bytes, must be at most {most}")
            return {
                info.filename.removesuffix(".npy"): _array(archive, info)
                for info in archive.infolist()
            }
    except BundleError:
        raise
    except Exception as problem:  # numpy and zipfile raise a dozen kinds for damaged files
        reason = brief(str(problem) or type(problem).__name__)
        raise BundleError(f"{where}: not a readable .npz: {reason}") from None


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """One entry; any exception if it is no .npy whose header agrees with its length."""
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, by_columns, kind = read(file)  # type: ignore[no-untyped-call]
        left = info.file_size - file.tell()
        if kind.hasobject or math.prod(shape) * kind.itemsize != left:
            raise ValueError(f"'{info.filename}' holds {left} bytes, not {shape} of {kind}")
        values = np.frombuffer(bytearray(file.read()), kind)
    return values.reshape(shape, order="F" if by_columns else "C")


def _golden_windows(data: bytes, manifest: Manifest, where: str) -> GoldenWindows:
    g, channels = manifest.golden.windows, len(manifest.signal.channels)
    expected: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
        "counts": (np.int16, (g, manifest.segmenter.window, channels)),
        "input": (np.int8, (g, manifest.model.input.size)),
        "output": (np.int8, (g, manifest.model.output.size)),
        "score": (np.float32, (g,)),
        "label": (np.int8, (g,)),
    }
    size = sum(math.prod(shape) * np.dtype(dtype).itemsize for dtype, shape in expected.values())
    arrays = _arrays(data, where, min(size + len(expected) * HEADER, LARGEST))
    if set(arrays) != set(expected):
        held = brief(str(sorted(arrays)))
        raise BundleError(f"{where}: holds {held}, must hold {sorted(expected)}")
    for name, (dtype, shape) in expected.items():
        array = arrays[name]
        if array.dtype != dtype or array.shape != shape:
            raise BundleError(
                f"{where}: '{name}' is {array.dtype} {list(array.shape)}, "
                f"must be {np.dtype(dtype)} {list(shape)}"
            )
    return GoldenWindows(**arrays)
