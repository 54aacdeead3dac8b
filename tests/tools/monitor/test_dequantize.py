"""The model's output in counts lies on the signal."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tools.monitor.boards.dequantize import to_counts
from training.bundle.manifest import Affine, Grid, PerWindow, Tensor
from training.native import core


@pytest.mark.parametrize("kind", ["affine", "per_window"])
def test_a_perfect_reconstruction_lies_on_the_signal(kind: str) -> None:
    random = np.random.default_rng(3)
    counts = random.normal((300, -200), (900, 50), (32, 2)).astype(np.int16)
    scaler: Affine | PerWindow
    native: Any
    if kind == "affine":
        scaler = Affine(
            kind="affine",
            center=[300, -200],
            multiplier=[2**28, 2**32 // 3],
            shift=34,
            zero_point=-7,
        )
        native = core.AffineScaler(scaler.center, scaler.multiplier, scaler.shift, -7)
        step = [64, 12]
    else:
        scaler = PerWindow(
            kind="per_window", min_deviation=1, steps_per_deviation=30 << 16, zero_point=-7
        )
        native = core.PerWindowScaler(2, 1, 30 << 16, -7)
        step = list(counts.std(axis=0) / 30)
    tensor = Tensor(size=64, scale=0.125, zero_point=-7)
    manifest: Any = SimpleNamespace(
        scaler=scaler,
        raw_size=64,
        grid=Grid(32, 0, 32, 32),
        model=SimpleNamespace(input=tensor, output=tensor),
    )
    output = native.scale(counts[None])[0]
    restored = to_counts(manifest, output, counts)
    assert restored.dtype == np.float32 and restored.shape == counts.shape
    inside = np.abs(output.reshape(32, 2).astype(int)) < 127  # what did not saturate
    error = np.abs(restored - counts)
    for channel in range(2):
        assert error[inside[:, channel], channel].max() <= 0.51 * step[channel] + 1
