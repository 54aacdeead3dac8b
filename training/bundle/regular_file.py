"""Files that a user names: regular ones of a bounded size.

A device or a pipe would be read for ever, and a file of gigabytes would fill the memory.
"""

from __future__ import annotations

import stat
from pathlib import Path

from training.bundle.errors import VigilError

MEGABYTE = 1 << 20


def check_regular(path: Path, most: int, error: type[VigilError]) -> None:
    """Check that `path` is a regular file of at most `most` bytes, or does not exist.

    Raises:
        VigilError: of type `error`, on one line.
    """
    try:
        info = path.stat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as problem:  # ValueError: a zero byte in the name
        raise error(f"{path}: {getattr(problem, 'strerror', None) or problem}") from None
    if stat.S_ISDIR(info.st_mode):
        raise error(f"{path}: is a folder; name a file")
    if not stat.S_ISREG(info.st_mode):
        raise error(f"{path}: is a device, a pipe or a socket; name a regular file")
    if info.st_size > most:
        raise error(
            f"{path}: has {info.st_size / MEGABYTE:,.0f} MB, must have at most "
            f"{most / MEGABYTE:,.0f} MB"
        )


def read_regular(path: Path, most: int, error: type[VigilError]) -> bytes:
    """Read a regular file of at most `most` bytes.

    Raises:
        VigilError: of type `error`, on one line.
    """
    check_regular(path, most, error)
    try:
        with path.open("rb") as file:
            return file.read(most)
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except OSError as problem:
        raise error(f"{path}: {problem.strerror}") from None
