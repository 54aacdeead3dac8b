"""Converts the model's output to counts, so that it can be drawn over the signal.

Inverts the scalers of docs/bundle.md in double precision. For display only.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from training.bundle.manifest import Manifest


def to_counts(
    manifest: Manifest, output: NDArray[np.int8], counts: NDArray[np.int16]
) -> NDArray[np.float32] | None:
    """Return the model's output in counts, float32 [frames, channels], at the sensor's rate.

    None if the model does not see the raw window, but features of it alone.

    Args:
        manifest: of the bundle; gives scaler and quantization.
        output: int8 [output size]; the raw window comes first.
        counts: the window, int16 [window, channels]; a per-window scaler removed its mean and
            deviation.
    """
    window, channels = counts.shape
    model, scaler = manifest.model, manifest.scaler
    if scaler.kind == "none":
        return None
    of_window = output[: manifest.raw_size].astype(np.float64)
    real = model.output.scale * (of_window - model.output.zero_point)
    steps = (real / model.input.scale).reshape(window, channels)
    if scaler.kind == "affine":
        per_count = np.asarray(scaler.multiplier, np.float64) / 2.0**scaler.shift
        scaled = steps / np.where(per_count > 0, per_count, np.inf)
        return _stretched(scaled + np.asarray(scaler.center), manifest.grid.window)
    x = counts.astype(np.int64)
    total, total2 = x.sum(axis=0), (x * x).sum(axis=0)
    result = np.empty((window, channels))
    for c in range(channels):
        root = math.isqrt(max(window * int(total2[c]) - int(total[c]) ** 2, 0))
        spread = max(root, window * scaler.min_deviation, 1)
        reciprocal = (scaler.steps_per_deviation << 24) // spread
        # q - zero_point = (n * x - sum) * reciprocal / 2^40
        inverse = 2.0**40 / reciprocal if reciprocal else 0.0
        result[:, c] = (steps[:, c] * inverse + int(total[c])) / window
    return _stretched(result, manifest.grid.window)


def of_model(manifest: Manifest, counts: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return about the window that the model sees, from its frames at the sensor's rate."""
    return np.rint(_stretched(counts, manifest.segmenter.window)).astype(np.int16)


def _stretched(values: NDArray[Any], frames: int) -> NDArray[np.float32]:
    """Interpolate [n, channels] to `frames` over the same time."""
    if len(values) == frames:
        return np.asarray(values, np.float32)
    at = (np.arange(frames) * (len(values) / frames)).clip(0, len(values) - 1)
    columns = [np.interp(at, np.arange(len(values)), column) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)
