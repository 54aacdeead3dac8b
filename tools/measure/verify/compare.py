"""One target against the reference, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.measure.verify.result import Count, TargetResult
from training.bundle.reference import Computed

_STAGES = (("input", "input byte"), ("output", "output byte"), ("score", "score"))


def compare(
    name: str,
    found: Computed,
    wanted: Computed,
    windows: NDArray[np.int64],
    note: str = "",
) -> TargetResult:
    """Count what differs between `found` and `wanted`, row by row.

    `windows` int64 [n] names the rows in the message on the first difference. Scores are compared
    by their bits: -0 is not 0, and a NaN equals only the same NaN.
    """
    counts: dict[str, Count | None] = {}
    first = ""
    for stage, word in _STAGES:
        a, b = getattr(found, stage), getattr(wanted, stage)
        if a is None or b is None:
            counts[stage] = None
            continue
        if a.dtype != b.dtype or a.shape != b.shape:
            raise ValueError(f"{name}: {stage} is {a.dtype} {a.shape}, not {b.dtype} {b.shape}")
        wrong = bits(a) != bits(b)
        counts[stage] = Count(int(wrong.sum()), int(wrong.size))
        if wrong.any() and not first:
            first = _describe(wrong, a, b, word, windows)
    return TargetResult(name, len(windows), first_wrong=first, note=note, **counts)


def bits(values: NDArray[Any]) -> NDArray[Any]:
    """float32 as the integers with the same bits; integers as they are."""
    if values.dtype == np.float32:
        return np.ascontiguousarray(values).view(np.uint32)
    return values


def _describe(
    wrong: NDArray[np.bool_],
    found: NDArray[Any],
    wanted: NDArray[Any],
    word: str,
    windows: NDArray[np.int64],
) -> str:
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    where = f"window {windows[place[0]]}, {word}" + (f" {place[1]}" if len(place) > 1 else "")
    return f"{where} is {found[place]}, must be {wanted[place]}"
