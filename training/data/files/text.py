"""From bytes to lines: compression, encoding, and files of another kind than their name."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from training.bundle.errors import DataError
from training.bundle.regular_file import check_regular

HEAD = 262_144  # bytes from which the way a file is written is derived
CHUNK = 1 << 24
LONGEST_LINE = 1 << 22
LARGEST = 4 << 30  # bytes of a file

# First bytes of files that are often given as text files, and the cure for each.
FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook: unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook: save the sheet as CSV"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it"),
    (b"Rar!", "a RAR archive: unpack it"),
    (b"\xfd7zXZ\x00", "an xz archive: unpack it"),
    (b"BZh", "a bzip2 archive: unpack it"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive: unpack it"),
    (b"%PDF", "a PDF document: export the table as CSV"),
    (b"\x89PNG", "a picture: export the samples as CSV"),
    (b"\xff\xd8\xff", "a picture: export the samples as CSV"),
    (b"SQLite format 3", "an SQLite database: export the table as CSV"),
    (b"\x7fELF", "a program, not a recording"),
    (b"<!DOCTYPE", "a web page: download the file itself"),
    (b"<!doctype", "a web page: download the file itself"),
    (b"<html", "a web page: download the file itself"),
    (b"<?xml", "an XML document: export the table as CSV"),
    (b"version https://git-lfs", "a Git LFS pointer: run 'git lfs pull' to get the file itself"),
    (b"\x89HDF", "an HDF5 file: for MATLAB, save with -v7; otherwise export it as .npz or CSV"),
    (b"PAR1", "a Parquet file: name it .parquet"),
    (b"\x93NUMPY", "a NumPy array: name it .npy"),
    (b"MATLAB 5.0", "a MATLAB file: name it .mat"),
    (b"fLaC", "compressed sound: convert it to WAV"),
    (b"OggS", "compressed sound: convert it to WAV"),
    (b"ID3", "compressed sound: convert it to WAV"),
    (b"GIF8", "a picture: export the samples as CSV"),
    (b"TDSm", "a LabVIEW file (TDMS): export it as CSV"),
    (b"MDF     ", "an MDF measurement: export it as CSV or .mat"),
    (b"ARROW1", "an Arrow or Feather file: save it as Parquet"),
    (b"\x1f\x8b", "compressed twice: unpack it once"),
)
MINUS = "\N{MINUS SIGN}"  # which typesetting programs write
BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def open_file(path: Path) -> BinaryIO:
    """Open a file, or the file inside a gzip; raise DataError if it cannot be read."""
    check_regular(path, LARGEST, DataError)
    try:
        file: BinaryIO = path.open("rb")
        if file.read(2) == b"\x1f\x8b":
            file.close()
            return cast(BinaryIO, gzip.open(path, "rb"))
        file.seek(0)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as problem:
        raise DataError(f"{path}: cannot be read: {problem.strerror}") from None
    return file


def read_bytes(path: Path, file: BinaryIO, size: int) -> bytes:
    """Read up to `size` bytes; raise DataError if the file is damaged."""
    try:
        return file.read(size)
    except (OSError, EOFError, zlib.error) as problem:
        raise DataError(f"{path}: cannot be read to its end: {problem}") from None


def refuse_foreign(path: Path, head: bytes) -> None:
    """Raise DataError, naming the true format, if `head` does not begin a text file."""
    for magic, meaning in FOREIGN:
        if head.startswith(magic) or head.lstrip().startswith(magic):
            raise DataError(f"{path}: is {meaning}")
    if head[4:8] == b"TFL3":
        raise DataError(f"{path}: is a TensorFlow Lite model: see 'vigil import'")
    if head[:4] in (b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff"):
        raise DataError(f"{path}: is UTF-32: save it as UTF-8")
    if head[257:262] == b"ustar":
        raise DataError(f"{path}: is a tar archive: unpack it")


def encoding_of(head: bytes) -> str:
    """Return the encoding by byte order mark, by zero bytes (UTF-16), or UTF-8 or Windows-1252."""
    for mark, encoding in BOMS:
        if head.startswith(mark):
            return encoding
    pairs = head[: len(head) // 2 * 2]
    if len(pairs) >= 8:
        low, high = pairs[::2].count(0), pairs[1::2].count(0)
        if max(low, high) > 0.3 * len(pairs) and min(low, high) < 0.05 * len(pairs):
            return "utf-16-le" if high > low else "utf-16-be"
    return "utf-8"


def decode(raw: bytes, encoding: str) -> tuple[str, str]:
    """Return the text of `raw` and its encoding; text that is not UTF-8 is Windows-1252."""
    raw = raw.removeprefix(codecs.BOM_UTF8)
    try:
        # The last character may be cut in two: that is not an error.
        text = codecs.getincrementaldecoder(encoding)().decode(raw)
        return text.lstrip("\ufeff").replace(MINUS, "-"), encoding
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace"), "cp1252"


def line_chunks(path: Path, encoding: str) -> Iterator[bytes]:
    r"""Yield the file as UTF-8 in pieces of whole lines, each line ended by \n but for the last.

    Raises DataError: damaged, or a line longer than 4 MB.
    """
    decoder = codecs.getincrementaldecoder(encoding)() if encoding.startswith("utf-16") else None
    rest, first = b"", True
    with open_file(path) as file:
        while True:
            raw = read_bytes(path, file, CHUNK)
            piece = raw
            if decoder is not None:
                try:
                    piece = decoder.decode(raw, final=not raw).lstrip("\ufeff").encode()
                except UnicodeDecodeError:
                    raise DataError(f"{path}: is not whole UTF-16; save it as UTF-8") from None
            elif first:
                piece = raw.removeprefix(codecs.BOM_UTF8)
            first = False
            piece = rest + piece
            if raw and piece.endswith(b"\r"):
                piece, rest = piece[:-1], b"\r"
            else:
                rest = b""
            piece = piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            end = piece.rfind(b"\n") + 1 if raw else len(piece)
            rest = piece[end:] + rest
            if len(rest) > LONGEST_LINE:
                raise DataError(f"{path}: has a line of more than {LONGEST_LINE >> 20} MB")
            if end:
                yield _as_utf8(piece[:end])
            if not raw:
                return


def _as_utf8(piece: bytes) -> bytes:
    if piece.isascii():
        return piece
    try:
        return piece.decode().replace(MINUS, "-").encode()
    except UnicodeDecodeError:
        return piece.decode("cp1252", "replace").encode()
