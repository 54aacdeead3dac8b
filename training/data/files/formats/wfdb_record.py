"""WFDB records, as PhysioNet publishes them: the header (.hea) names the file of samples."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from training.bundle.errors import DataError
from training.data.files.cells import quoted, shown
from training.data.files.options import Options
from training.data.files.sheet import Column, Sheet, check_size
from training.data.files.wfdb_files import check_record

SUFFIXES = (".hea",)


def sniff(head: bytes) -> bool:
    """Return whether a record line is followed by lines that name files or segments."""
    text = head[:4096].decode("ascii", "replace")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) < 2 or not re.fullmatch(r"[\w-]+(?:/\d+)?( [\d.]+\S*){1,5}\s*", lines[0]):
        return False
    segments = "/" in lines[0].split()[0]
    return segments or re.match(r"\S*\.[A-Za-z]\w* \d+", lines[1]) is not None


def read(path: Path, options: Options) -> Sheet:
    """Read all signals at the rate of the frames, in their units; invalid samples are missing."""
    if path.suffix != ".hea":
        raise DataError(f"{path}: is the header of a WFDB record: name it .hea")
    check_record(path)
    import wfdb  # imports pandas, which takes a second

    try:
        record = wfdb.rdrecord(str(path.with_suffix("")))
        faster = wfdb.rdheader(str(path.with_suffix(""))).samps_per_frame or []
    except FileNotFoundError as problem:
        missing = Path(str(problem.filename or "the file of samples")).name
        raise DataError(f"{path}: {quoted(missing)} is missing beside it") from None
    except Exception as problem:  # the library raises many kinds for a damaged record
        raise DataError(f"{path}: cannot be read: {quoted(str(problem))}") from None
    signals = record.p_signal
    if signals is None or not len(signals):
        raise DataError(f"{path}: names no samples")
    check_size(path, signals.size)
    columns = [
        Column(name, np.ascontiguousarray(signals[:, c], np.float64), unit)
        for c, (name, unit) in enumerate(zip(record.sig_name, record.units, strict=True))
    ]
    means = [
        f"channel {shown(name)} has {samples * record.fs:g} samples per second: the mean of "
        f"{samples} is taken, {record.fs:g} times per second"
        for name, samples in zip(record.sig_name, faster, strict=False)
        if samples > 1
    ]
    return Sheet(path, tuple(columns), rate_hz=float(record.fs), notes=tuple(means))
