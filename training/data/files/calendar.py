"""Times that are written in columns of their own: year, month, day, hour, minute, second."""

from __future__ import annotations

import numpy as np

from training.data.files.sheet import Column

PARTS = ("year", "month", "day", "hour", "minute", "second")
_SHORT = {"yr": "year", "yyyy": "year", "mon": "month", "dd": "day", "dayofmonth": "day"}
_SHORT |= {"hr": "hour", "hh": "hour", "h": "hour", "min": "minute", "sec": "second", "s": "second"}
_LIMITS = {"year": (1900, 2200), "month": (1, 12), "day": (1, 31), "hour": (0, 24)}
_LIMITS |= {"minute": (0, 60), "second": (0, 61)}


def joined_calendar(columns: list[Column]) -> tuple[Column, tuple[str, ...]] | None:
    """Return one column of seconds, and the names of those it joins; None if there are none.

    Year, month and day belong together, as do hour and minute or minute and second; a column
    `hour` alone may be a quantity.
    """
    parts: dict[str, Column] = {}
    for column in columns:
        base = column.name.strip().lower()
        base = _SHORT.get(base, base.removesuffix("s"))
        if base in PARTS and base not in parts and _fits(column, base):
            parts[base] = column
    dated = {"year", "month", "day"} <= parts.keys()
    timed = {"hour", "minute"} <= parts.keys() or {"minute", "second"} <= parts.keys()
    if not dated and not timed:
        return None
    if not dated:
        parts = {part: c for part, c in parts.items() if part in PARTS[3:]}
    frames = len(columns[0].values)
    zeros = np.zeros(frames)
    value = {part: parts[part].values if part in parts else zeros for part in PARTS}
    seconds = 3600 * value["hour"] + 60 * value["minute"] + value["second"]
    if dated:
        known = ~np.isnan(value["year"] + value["month"] + value["day"])
        months = np.zeros(frames, "datetime64[M]")
        months[known] = ((value["year"][known] - 1970) * 12 + value["month"][known] - 1).astype(
            "datetime64[M]"
        )
        days = months.astype("datetime64[D]").astype(np.float64) + value["day"] - 1
        seconds = seconds + 86_400 * np.where(known, days, np.nan)
    steps = np.diff(seconds)
    if not np.count_nonzero(steps >= 0) > 0.9 * len(steps):
        return None  # quantities of such names
    names = tuple(parts[part].name for part in PARTS if part in parts)
    first = parts[next(part for part in PARTS if part in parts)]
    return Column(first.name, seconds, kind="time" if dated else "time of day"), names


def _fits(column: Column, part: str) -> bool:
    """Return whether a column of numbers holds only values that this part of a time may have."""
    known = column.values[~np.isnan(column.values)]
    low, high = _LIMITS[part]
    whole = part == "second" or bool((known == np.rint(known)).all())
    return column.kind == "number" and whole and bool(((known >= low) & (known <= high)).all())
