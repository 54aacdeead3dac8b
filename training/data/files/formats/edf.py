"""European Data Format (EDF, EDF+, BDF), as recorders of EEG and ECG write it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.bundle.errors import DataError
from training.data.files.cells import quoted
from training.data.files.options import Options
from training.data.files.sheet import Column, Sheet, check_size

SUFFIXES = (".edf", ".bdf")


def sniff(head: bytes) -> bool:
    """Return whether there is a version field and no line end in the first 256 bytes."""
    version = head[:8] == b"0       " or head[:8] == b"\xffBIOSEMI"
    return version and len(head) >= 256 and b"\n" not in head[:256]


def read(path: Path, options: Options) -> Sheet:
    """Read the signals at the most frequent rate; a note names the others."""
    import pyedflib  # needed by this format only

    _check_length(path)
    try:
        with pyedflib.EdfReader(
            str(path), annotations_mode=pyedflib.DO_NOT_READ_ANNOTATIONS
        ) as file:
            if file.datarecord_duration <= 0:
                raise DataError(f"{path}: its records last 0 s, so it states no rate")
            rates = file.getSampleFrequencies()
            lengths = file.getNSamples()
            names = [name.strip() for name in file.getSignalLabels()]
            units = [file.getPhysicalDimension(n).strip() for n in range(len(names))]
            different, counts = np.unique(rates, return_counts=True)
            rate = float(different[counts == counts.max()].max())
            used = [n for n in range(len(names)) if rates[n] == rate]
            check_size(path, int(lengths[used].sum()))
            columns = [Column(names[n], file.readSignal(n), units[n]) for n in used]
    except DataError:
        raise
    except Exception as problem:  # the library raises many kinds for a damaged file
        said = str(problem).removeprefix(f"{path}: ")
        raise DataError(f"{path}: cannot be read as EDF: {quoted(said)}") from None
    others = [quoted(names[n]) for n in range(len(names)) if rates[n] != rate]
    notes = (f"signals at another rate than {rate:g} Hz are left out: {', '.join(others[:8])}",)
    return Sheet(path, tuple(columns), rate_hz=rate, notes=notes if others else ())


def _check_length(path: Path) -> None:
    """Check that the file has the length that its header states.

    The library checks this too, but prints a line on standard output.

    Raises:
        DataError: it has not.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            head = file.read(256)
            records, signals = int(head[236:244]), int(head[252:256])
            file.seek(256 + 216 * max(signals, 0))  # past 216 bytes per signal
            samples = sum(int(file.read(8)) for _ in range(signals))  # of one record
    except ValueError:
        return  # the library reports numbers that are none
    sample = 2 if head[:1] == b"0" else 3  # bytes, of EDF and BDF
    stated = 256 * (signals + 1) + sample * samples * records
    if size != stated and records > 0:
        damage = "is cut" if size < stated else "holds more than its samples"
        raise DataError(
            f"{path}: has {size:,} bytes, but its header states {stated:,}: it {damage}; "
            "copy the file again"
        )
