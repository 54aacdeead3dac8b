"""The emulated board's flash for data: a file that outlives the emulator."""

import contextlib
import os
from pathlib import Path

FLASH_BYTES = 6 * 4096
"""Pages of 4,096 bytes: two for the board's own calibration, four for its wearer."""

_ERASED = b"\xff"


def open_flash(path: Path | None) -> int:
    """Open a flash; return its descriptor, which the caller closes.

    Args:
        path: its file, which is made if there is none. None: an erased flash without a file.

    A flash whose file another board uses, or which cannot be written, is a copy without a file.
    """
    if path is not None:
        with contextlib.suppress(OSError):
            return _open_file(path)
    descriptor = os.memfd_create("flash")
    content = b""
    if path is not None:
        with contextlib.suppress(OSError):
            content = path.read_bytes()[:FLASH_BYTES]
    os.pwrite(descriptor, content.ljust(FLASH_BYTES, _ERASED), 0)
    return descriptor


def _open_file(path: Path) -> int:
    """Open a file and lock it. Raises OSError."""
    # POSIX only, like the emulated board; the module is imported everywhere.
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        size = os.fstat(descriptor).st_size
        if size < FLASH_BYTES:
            os.pwrite(descriptor, _ERASED * (FLASH_BYTES - size), size)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
