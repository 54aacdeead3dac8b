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


Orders = dict[str, NDArray[np.float64]]  # seconds of the same cells, by the order of a date


def to_seconds(cells: pl.Series, of_day: bool) -> NDArray[np.float64]:
    """Return seconds since 1970 (UTC where no zone is given) or midnight; NaN if not a time."""
    return in_one_order([read_orders(cells, of_day)])


def read_orders(cells: pl.Series, of_day: bool) -> Orders:
    """Read cells in every order of day, month and year in which they may be dates."""
    cells = cells.str.strip_chars()
    cells = cells.str.replace(r"([A-Za-z]\s\d{1,2}),", "$1")  # Jan 31, 2024
    cells = cells.str.replace(r"(:\d{2}:\d{2})[,:](\d)", "$1.$2")
    if of_day:
        cells = "1970-01-01 " + cells
    else:
        cells = cells.str.replace(r"(\d)T(\d)", "$1 $2").str.replace(r"\s?(?:UTC|Z)$", "")
    zoned = bool(cells.str.contains(r"\d:\d{2}.*[+-]\d{2}(?::?\d{2})?$").any())
    orders: Orders = {}
    for order, clock in _patterns(cells):
        stamps = cells.str.to_datetime(
            order + clock + ("%#z" if zoned else ""), strict=False, time_unit="us"
        )
        seconds = stamps.dt.timestamp("us").cast(pl.Float64).to_numpy() / 1e6
        if order not in orders or _quality(seconds) > _quality(orders[order]):
            orders[order] = np.asarray(seconds, np.float64)
    return orders or {"": np.full(len(cells), np.nan)}


def in_one_order(chunks: list[Orders]) -> NDArray[np.float64]:
    """Join the pieces of a column in the one order that fits the whole of it best."""
    best: NDArray[np.float64] | None = None
    for order in dict.fromkeys(order for chunk in chunks for order in chunk):
        # A piece that cannot be read in this order keeps the order that it has.
        seconds = np.concatenate([c.get(order, next(iter(c.values()))) for c in chunks])
        if best is None or _quality(seconds) > _quality(best):
            best = seconds
    return np.empty(0) if best is None else best


def _patterns(cells: pl.Series) -> list[tuple[str, str]]:
    """Return the orders of a date, and the clocks behind it, that the first cell has."""
    sample = cells.filter(cells.str.contains(r"\d")).head(1)
    patterns = []
    if len(sample) and COMPACT.fullmatch(sample[0]):
        return [("%Y%m%d%H%M%S", "")]
    for date in _DATES:
        for clock in ("", *(f" {clock}" for clock in _CLOCKS)):
            pattern = date + clock
            bare = sample.str.replace(r"(\d:\d{2}.*?)\s?[+-]\d{2}(?::?\d{2})?$", "$1")
            kind = bare.str.to_datetime if clock else bare.str.to_date
            if kind(pattern, strict=False).count():
                patterns.append((date, clock))
    return patterns


def _quality(seconds: NDArray[np.float64]) -> tuple[int, float, float]:
    """Return how many cells are dates, the share that rises, and the share of usual steps."""
    known = seconds[~np.isnan(seconds)]
    if len(known) < 2:
        return len(known), 0.0, 0.0
    steps = np.diff(known)
    steady = steps <= 1.5 * np.median(steps) + 1
    return len(known), float((steps >= 0).mean()), float(steady.mean())
