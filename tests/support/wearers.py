"""A wearer, and beats for it to learn from and to judge."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.native import Wearer

WINDOW, BEFORE = 60, 20
SHAPE = {"window": WINDOW, "channels": 1, "first": 10, "length": 40, "shift": 4}
LEARN = 40

Beats = NDArray[np.int16]


def wearer(score: str = "template", learn: int = LEARN, **changes: Any) -> Wearer:
    return Wearer(score, **{**SHAPE, **changes}, learn=learn)


def beat(
    n: int,
    rng: np.random.Generator,
    *,
    height: float = 300,
    width: float = 3,
    noise: float = 5,
    late: int = 0,
) -> Beats:
    """Draw `n` beats: a wave of the given height and width (frames) at BEFORE, with noise."""
    t = np.arange(WINDOW) - BEFORE - late
    wave = height * np.exp(-0.5 * (t / width) ** 2)
    return np.rint(wave + noise * rng.standard_normal((n, WINDOW))).astype(np.int16)[..., None]


def steady(n: int, rr: int = 150) -> NDArray[np.uint32]:
    return np.full(n, rr, np.uint32)


def judge(
    one: Wearer,
    beats: Beats,
    rr: NDArray[np.uint32] | None = None,
    error: float = 1.0,
    **decided: Any,
) -> NDArray[np.float32]:
    n = len(beats)
    intervals = steady(n) if rr is None else rr
    return one.judge(beats, intervals, np.full(n, error, np.float32), **decided)


def learned(rng: np.random.Generator, score: str = "template", **wave: float) -> Wearer:
    one = wearer(score)
    assert np.isnan(judge(one, beat(LEARN, rng, **wave))).all()
    assert one.learned
    return one
