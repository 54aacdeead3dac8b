"""The reference model, by which sizes are compared: fixed weights, no data, no training.

A trained model's scales change with library versions and processors, and with them the kernels that
the converter chooses. This model is the same everywhere. It has the ECG model's layers, but detects
nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.convert.model import read_model
from tools.measure.bench.models import Activation, ModelBuilder, dense
from tools.measure.bench.small_bundle import small_bundle
from training.bundle import Bundle
from training.bundle.manifest import Tensor, float32_text
from training.weight_scales import match_factors

NOTE = "The layers of the ECG model with fixed weights: the same on every machine, untrained."
LAYERS = (32, 16, 8, 16, 32, 140)
_SEED = 5


def make(path: Path, *, per_channel: bool = False) -> Bundle:
    """Write the reference bundle to the folder `path`."""
    return small_bundle(
        path, window=140, network=lambda grid, out: network(grid, out, per_channel=per_channel)
    )


def wrap(path: Path, model: bytes) -> Bundle:
    """Write a bundle with `model` and artificial windows to the folder `path`.

    `model` must have as many outputs as inputs.
    """
    read = read_model(model)
    tensors = tuple(
        Tensor(size=t.size, scale=float32_text(t.scale), zero_point=t.zero_point)
        for t in (read.input, read.output)
    )
    return small_bundle(
        path, window=read.input.size, tensors=tensors, network=lambda grid, out: model
    )


def network(grid: Tensor, out: Tensor, *, per_channel: bool) -> bytes:
    """Return the flatbuffer of 140-32-16-8-16-32-140 with ReLU between the layers.

    Per channel, the largest weight scale is twice the smallest.
    """
    rng = np.random.default_rng(_SEED)
    builder = ModelBuilder()
    source = value = builder.tensor((1, grid.size), grid.scale, grid.zero_point)
    width, scale = grid.size, grid.scale
    for outputs in LAYERS:
        last = outputs == LAYERS[-1]
        weights = rng.integers(-127, 128, (outputs, width)).astype(np.int8)
        weight_scale = float(np.float32(0.0113 / np.sqrt(width)))
        each = [float(one) for one in np.geomspace(0.7, 1.4, outputs) * weight_scale]
        target = out.scale if last else float(np.float32(scale * 1.0719))
        value = dense(
            builder,
            value,
            weights,
            rng.integers(-2000, 2000, outputs),
            source_scale=scale,
            weight_scale=each if per_channel else weight_scale,
            target_scale=target,
            target_zero_point=out.zero_point if last else -128,
            activation=Activation.NONE if last else Activation.RELU,
        )
        width, scale = outputs, target
    return match_factors(builder.finish(source, value))
