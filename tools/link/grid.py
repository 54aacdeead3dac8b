"""The fixed grid of windows: window `k` begins at sample ``k * hop``."""

MAX_SAMPLE = 1 << 53
"""Largest index of a sample that a correct board states."""


def completed(sample: int, window: int, hop: int) -> int:
    """Return the number of windows that lie within the first `sample` samples."""
    return (sample - window) // hop + 1 if sample >= window else 0


def first_window_from(sample: int, hop: int) -> int:
    """Return the first window that begins at `sample` or later."""
    return -(-sample // hop)
