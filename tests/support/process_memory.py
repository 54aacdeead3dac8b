"""Memory of a process."""

import os
from pathlib import Path


def resident_bytes(pid: int | None = None) -> int:
    """Resident set size of process `pid`, or of this one. Linux."""
    pages = Path(f"/proc/{pid or 'self'}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
