"""WAV files: sound or vibration, one channel or several."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from training.bundle.errors import DataError
from training.data.files.cells import quoted
from training.data.files.options import Options
from training.data.files.sheet import Column, Sheet, check_size

SUFFIXES = (".wav",)


def sniff(head: bytes) -> bool:
    """Return whether the magic numbers are there."""
    return head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"


def read(path: Path, options: Options) -> Sheet:
    """Read the samples as the file holds them: whole numbers, or float from -1 to 1."""
    from scipy.io import wavfile  # takes half a second

    try:
        with warnings.catch_warnings(action="ignore", category=wavfile.WavFileWarning):
            rate, samples = wavfile.read(path)
    except Exception as problem:  # the library raises many kinds for a damaged file
        raise DataError(f"{path}: cannot be read as WAV: {quoted(str(problem))}") from None
    if not samples.size:
        raise DataError(f"{path}: holds no samples")
    samples = samples.reshape(len(samples), -1)
    check_size(path, samples.size)
    if samples.dtype == np.uint8:
        samples = samples.astype(np.int16) - 128
    elif samples.dtype == np.int32 and not (samples & 0xFF).any():
        samples = samples >> 8  # 24 bits are read into the upper bytes of 32
    names = (
        ("left", "right")
        if samples.shape[1] == 2
        else tuple(f"channel_{n}" for n in range(1, samples.shape[1] + 1))
    )
    names = ("sound",) if samples.shape[1] == 1 else names
    columns = [
        Column(name, np.ascontiguousarray(samples[:, c], np.float64))
        for c, name in enumerate(names)
    ]
    return Sheet(path, tuple(columns), rate_hz=float(rate))
