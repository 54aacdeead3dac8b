"""Compares one target with the reference, bit by bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.measure.verify.result import Count, TargetResult
from training.bundle.reference import Computed

_STAGES = (("input", "input byte"), ("output", "output byte"), ("score", "score"))


def compare(
    name: str, computed: Computed, expected: Computed, windows: NDArray[np.int64]
) -> TargetResult:
    """Count the values of `computed` that differ from `expected`.

    `windows` int64 [n] are the numbers of the rows, for the message about the first difference.
    Scores are compared by their bits: -0 is not 0, and a NaN equals only the same NaN.
    """
    counts: dict[str, Count | None] = {}
    first = ""
    for stage, word in _STAGES:
        a, b = getattr(computed, stage), getattr(expected, stage)
        if a is None or b is None:
            counts[stage] = None
            continue
        if a.dtype != b.dtype or a.shape != b.shape:
            raise ValueError(f"{name}: {stage} is {a.dtype} {a.shape}, not {b.dtype} {b.shape}")
        wrong = bits(a) != bits(b)
        counts[stage] = Count(int(wrong.sum()), int(wrong.size))
        if wrong.any() and not first:
            first = _describe(wrong, a, b, word, windows)
    return TargetResult(
        name, len(windows), counts["input"], counts["output"], counts["score"], first_wrong=first
    )


def bits(values: NDArray[Any]) -> NDArray[Any]:
    """Return float32 values as integers with the same bits, and integers unchanged."""
    if values.dtype == np.float32:
        return np.ascontiguousarray(values).view(np.uint32)
    return values


def _describe(
    wrong: NDArray[np.bool_],
    computed: NDArray[Any],
    expected: NDArray[Any],
    word: str,
    windows: NDArray[np.int64],
) -> str:
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    where = f"window {windows[index[0]]}, {word}" + (f" {index[1]}" if len(index) > 1 else "")
    return f"{where} is {computed[index]}, must be {expected[index]}"
