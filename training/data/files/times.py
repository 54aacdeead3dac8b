"""Cells that hold a date or a time of day."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.data.files.cells import COMPACT

# 1/2/2024 is the second of January in one country and the first of February in others: the
# order in which all cells are dates, and rise by the steadier steps, is taken; month first if both
# do.
_DATES = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%d.%m.%Y",
    "%d.%m.%y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%d-%b-%Y",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d %Y",
    "%B %d %Y",
)
_CLOCKS = ("%H:%M:%S%.f", "%H:%M", "%I:%M:%S%.f %p", "%I:%M %p")


def to_seconds(cells: pl.Series, of_day: bool) -> NDArray[np.float64]:
    """Return seconds since 1970 (UTC where no zone is given) or midnight; NaN if not a time."""
    cells = cells.str.strip_chars()
    cells = cells.str.replace(r"([A-Za-z]\s\d{1,2}),", "$1")  # Jan 31, 2024
    cells = cells.str.replace(r"(:\d{2}:\d{2})[,:](\d)", "$1.$2")
    if of_day:
        cells = "1970-01-01 " + cells
    else:
        cells = cells.str.replace(r"(\d)T(\d)", "$1 $2").str.replace(r"\s?(?:UTC|Z)$", "")
    zoned = bool(cells.str.contains(r"\d:\d{2}.*[+-]\d{2}(?::?\d{2})?$").any())
    best: NDArray[np.float64] | None = None
    for pattern in _patterns(cells):
        stamps = cells.str.to_datetime(
            pattern + ("%#z" if zoned else ""), strict=False, time_unit="us"
        )
        seconds = stamps.dt.timestamp("us").cast(pl.Float64).to_numpy() / 1e6
        if best is None or _quality(seconds) > _quality(best):
            best = np.asarray(seconds, np.float64)
    return np.full(len(cells), np.nan) if best is None else best


def _patterns(cells: pl.Series) -> list[str]:
    """Return the patterns in which the first cell can be read."""
    sample = cells.drop_nulls().head(1)
    patterns = []
    if len(sample) and COMPACT.fullmatch(sample[0]):
        return ["%Y%m%d%H%M%S"]
    for date in _DATES:
        for clock in ("", *(f" {clock}" for clock in _CLOCKS)):
            pattern = date + clock
            bare = sample.str.replace(r"(\d:\d{2}.*?)\s?[+-]\d{2}(?::?\d{2})?$", "$1")
            kind = bare.str.to_datetime if clock else bare.str.to_date
            if kind(pattern, strict=False).count():
                patterns.append(pattern)
    return patterns


def _quality(seconds: NDArray[np.float64]) -> tuple[int, float, float]:
    """Return how many cells are dates, the share that rises, and the share of usual steps."""
    known = seconds[~np.isnan(seconds)]
    if len(known) < 2:
        return len(known), 0.0, 0.0
    steps = np.diff(known)
    steady = steps <= 1.5 * np.median(steps) + 1
    return len(known), float((steps >= 0).mean()), float(steady.mean())
