"""A small recording with given labels, for tests of windows and recordings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from training.data.recording import Recording


def recording(labels: ArrayLike, channels: int = 1, **facts: Any) -> Recording:
    """Build a recording whose counts are 0, 1, 2, ... over frames and channels."""
    labels = np.asarray(labels, np.int8)
    counts = np.arange(len(labels) * channels, dtype=np.int16).reshape(-1, channels)
    return Recording(
        name="made",
        description="made for a test",
        counts=counts,
        labels=labels,
        channels=tuple("abc"[:channels]),
        units=("V",) * channels,
        gain=(10.0,) * channels,
        offset=(0,) * channels,
        rate_hz=100.0,
        **facts,
    )
