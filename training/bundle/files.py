"""Write a bundle, and read one with every check that docs/bundle.md specifies."""

from __future__ import annotations

import errno
import hashlib
import io
import itertools
import json
import math
import os
import shutil
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.bundle.errors import BundleError
from training.bundle.evaluation_arrays import check_arrays
from training.bundle.flatbuffer import DamagedError
from training.bundle.labels import ABNORMAL, NORMAL, UNKNOWN
from training.bundle.manifest import SCHEMA, Manifest
from training.bundle.model_tensors import read_tensors
from training.bundle.regular_file import read_regular
from training.bundle.validation import brief, validate
from training.bundle.wording import argument

MANIFEST, MODEL, GOLDEN, EVALUATION = (
    "manifest.json",
    "model.tflite",
    "golden.npz",
    "evaluation.npz",
)
# Written beside the bundle by training; no part of the contract.
WEIGHTS = "keras.weights.h5"  # of the float model
ENCODER = "encoder.tflite"  # the encoder alone, an int8 feature extractor
# Files of a bundle, or derived from it: a new bundle replaces them, and keeps all other files.
_REPLACED = {
    *(MANIFEST, MODEL, GOLDEN, EVALUATION, WEIGHTS, ENCODER),
    *("report.html", "encoder"),
}

MAX_FILE_BYTES = 256 << 20  # of one file of the contract
MAX_ARCHIVE_BYTES = 1 << 30  # of all arrays of an .npz together
MAX_HEADER_BYTES = 16384  # of one array


@dataclass(frozen=True, eq=False)
class GoldenWindows:
    """Golden windows: recorded windows with the result that every target must compute."""

    counts: NDArray[np.int16]  # int16 [G, window, channels], raw counts
    input: NDArray[np.int8]  # int8 [G, input size], the scaled windows
    output: NDArray[np.int8]  # int8 [G, output size], the model's outputs
    score: NDArray[np.float32]  # float32 [G]
    label: NDArray[np.int8]  # int8 [G], a value of training.bundle.labels


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle whose files have passed every check."""

    path: Path
    manifest: Manifest
    model: bytes
    golden: GoldenWindows
    manifest_sha256: str

    @property
    def hash8(self) -> bytes:
        """First 8 bytes of the manifest's SHA-256; board and host compare them."""
        return bytes.fromhex(self.manifest_sha256)[:8]

    def evaluation(self) -> dict[str, NDArray[Any]]:
        """Read the arrays for a report: scores, labels, codes, reconstructions (docs/training.md).

        They are no part of the contract.

        Raises:
            BundleError: the file is missing or damaged, or belongs to another bundle.
        """
        path = self.path / EVALUATION
        if not path.exists():
            raise BundleError(f"{path} is missing: train again to write it")
        arrays = unpack_arrays(read_regular(path, MAX_FILE_BYTES, BundleError), str(path))
        check_arrays(arrays, self.manifest, str(path))
        return arrays


def crc32(data: bytes) -> int:
    """Compute the CRC-32 of IEEE 802.3."""
    return zlib.crc32(data) & 0xFFFFFFFF


def sha256(data: bytes) -> str:
    """Compute the SHA-256, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def pack_arrays(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Pack arrays as an .npz; the same arrays give the same bytes (entries carry no time)."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **dict(arrays))
    return buffer.getvalue()


def manifest_text(manifest: Manifest) -> str:
    """Format the text of manifest.json."""
    values = manifest.model_dump(mode="json", by_alias=True)
    return json.dumps(values, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def check_destination(path: Path) -> None:
    """Check that a bundle can be written to `path`.

    Raises:
        BundleError: `path` is not writable, or holds something other than a bundle.
    """
    path = Path(path)
    try:
        if not _is_occupied(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent):
                return
    except OSError as problem:
        raise BundleError(
            f"{path}: cannot be written: {problem.strerror}; choose another folder"
        ) from None
    raise BundleError(f"{path} exists and is not a bundle: choose another name, or remove it")


def write_bundle(
    path: Path,
    manifest: Manifest,
    model: bytes,
    golden: bytes,
    evaluation: bytes | None = None,
    add_files: Callable[[Path], None] | None = None,
) -> Bundle:
    """Write a bundle to `path` in one step, replace an older one, and return the new one.

    Files of the older folder that training did not write are kept. If two programs write to
    `path` at once, the bundle that was ready last is there in the end, whole.

    Args:
        golden: contents of golden.npz, from `pack_arrays`.
        evaluation: contents of evaluation.npz, from `pack_arrays`, or None to write none.
        add_files: called with the new folder before it is at `path`; writes files into it that
            are no part of the contract.

    Raises:
        BundleError: `path` cannot take a bundle, or the parts disagree.
    """
    path = Path(path)
    check_destination(path)
    files = {MANIFEST: manifest_text(manifest).encode(), MODEL: model, GOLDEN: golden}
    if evaluation is not None:
        files[EVALUATION] = evaluation
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as scratch:
        new = Path(scratch) / "new"
        new.mkdir()
        for name, data in files.items():
            (new / name).write_bytes(data)
        bundle = read_bundle(new)  # an invalid bundle must not replace a valid one
        if add_files is not None:
            add_files(new)
        new.chmod(0o777 & ~_umask())
        # A symbolic link stays, and its target is replaced.
        _replace(path.resolve() if path.is_symlink() else path, new, Path(scratch))
    return replace(bundle, path=path)


def _replace(path: Path, new: Path, scratch: Path) -> None:
    """Rename the folder `new` to `path`; keep the files of an older one that are not training's.

    Another program may do the same at any moment. Each step is a rename, which one of them wins;
    the other starts over with the folder that it then finds.
    """
    for number in itertools.count():
        old = scratch / f"old{number}"
        with suppress(FileNotFoundError):
            path.rename(old)
        if old.exists():
            for kept in old.iterdir():
                if kept.name not in _REPLACED and not (new / kept.name).exists():
                    shutil.move(kept, new / kept.name)
        try:
            new.rename(path)
            return
        except OSError as problem:
            if problem.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def read_bundle(path: Path) -> Bundle:
    """Read and check the bundle at `path`.

    Raises:
        BundleError: on one line, the file or the field and the reason.
    """
    path = Path(path)
    if not path.is_dir():
        raise BundleError(
            f"{path}: no such bundle (a folder with {MANIFEST}); train it first: `vigil train "
            f"{argument(path.name)}` if that is a recipe (`vigil recipes` lists them), or "
            "`vigil train FILE`"
        )
    text = _read(path / MANIFEST)
    manifest = parse_manifest(text, str(path / MANIFEST))
    model = _read(path / MODEL)
    _check_file(path / MODEL, model, manifest.model.bytes, manifest.model.sha256)
    if crc32(model) != manifest.model.crc32:
        raise BundleError(f"{path / MODEL}: CRC-32 differs from the manifest's model.crc32")
    _check_tensors(path / MODEL, model, manifest)
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
    """Parse the text of a manifest.

    Raises:
        BundleError: the text is not a valid manifest; the message names `where` and the field.
    """
    try:
        values = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as problem:  # ValueError: encoding, syntax, huge integers
        raise BundleError(f"{where}: not JSON: {brief(str(problem))}") from None
    if not isinstance(values, dict) or "schema" not in values:
        raise BundleError(f"{where}: not a Vigil manifest: it has no 'schema'")
    if values["schema"] != SCHEMA:
        raise BundleError(
            f"{where}: schema {brief(repr(values['schema']), 60)}, but this version of Vigil reads "
            f"schema {SCHEMA}; write the bundle again, or use the version that wrote it"
        )
    return validate(Manifest, values, where, BundleError)


def _is_occupied(path: Path) -> bool:
    """Whether `path` holds something other than a bundle. Raises OSError if it is not readable."""
    try:
        # Listed once: another program may replace the folder at any moment.
        names = {each.name for each in path.iterdir()}
    except FileNotFoundError:
        return False
    except NotADirectoryError:  # a file, or below a file
        return path.exists()
    return bool(names) and (MANIFEST not in names or (path / MANIFEST).is_dir())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _read(path: Path) -> bytes:
    if not path.exists():
        raise BundleError(
            f"{path} is missing: the bundle is incomplete; copy the whole folder, or write it again"
        )
    return read_regular(path, MAX_FILE_BYTES, BundleError)


def _check_file(path: Path, data: bytes, size: int, digest: str) -> None:
    if len(data) != size:
        raise BundleError(f"{path} has {len(data)} bytes, but the manifest says {size}")
    if sha256(data) != digest:
        raise BundleError(f"{path}: SHA-256 differs from the manifest's; the file was changed")


def _check_tensors(path: Path, model: bytes, manifest: Manifest) -> None:
    """Compare the flatbuffer's input and output with what the manifest repeats of them."""
    try:
        tensors = read_tensors(model)
    except DamagedError as problem:
        raise BundleError(f"{path}: not a model of one int8 window: {problem}") from None
    for role, inside, said in zip(
        ("input", "output"), tensors, (manifest.model.input, manifest.model.output), strict=True
    ):
        for key in ("size", "scale", "zero_point"):
            a, b = getattr(inside, key), getattr(said, key)
            if np.float32(a) != np.float32(b):
                raise BundleError(
                    f"{path}: its {role} has {key} {a:g}, but the manifest's model.{role}.{key} is "
                    f"{b:g}; the two files belong to different models"
                )


def unpack_arrays(
    data: bytes, where: str, most: int = MAX_ARCHIVE_BYTES
) -> dict[str, NDArray[Any]]:
    """Unpack an .npz of at most `most` bytes.

    Memory is allocated for the bytes present, never for the size that a header claims.

    Raises:
        BundleError: the archive is damaged or too large.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of numpy, about unusual headers
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
    """Read one .npy; raise any exception if its header and its length disagree."""
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, by_columns, kind = read(file)  # type: ignore[no-untyped-call]
        size = info.file_size - file.tell()
        if kind.hasobject or math.prod(shape) * kind.itemsize != size:
            raise ValueError(f"'{info.filename}' holds {size} bytes, not {shape} of {kind}")
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
    arrays = unpack_arrays(
        data, where, min(size + len(expected) * MAX_HEADER_BYTES, MAX_ARCHIVE_BYTES)
    )
    if set(arrays) != set(expected):
        names = brief(str(sorted(arrays)))
        raise BundleError(f"{where}: holds {names}, must hold {sorted(expected)}")
    for name, (dtype, shape) in expected.items():
        array = arrays[name]
        if array.dtype != dtype or array.shape != shape:
            raise BundleError(
                f"{where}: '{name}' is {array.dtype} {list(array.shape)}, "
                f"must be {np.dtype(dtype)} {list(shape)}"
            )
    labels = arrays["label"]
    if not np.isin(labels, (NORMAL, ABNORMAL, UNKNOWN)).all():
        raise BundleError(f"{where}: 'label' has values other than -1, 0 and 1")
    if not np.isfinite(arrays["score"]).all():
        raise BundleError(f"{where}: 'score' has values that are not finite")
    return GoldenWindows(**arrays)
