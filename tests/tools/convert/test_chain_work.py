"""The stages around an inference: their instructions are predicted without an image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.chains import count_stages
from tools.convert.chain_work import (
    COSTS,
    ChainShape,
    chain_shape,
    stage_instructions,
    stage_work,
)
from tools.convert.work import costs
from tools.measure.bench.small_bundle import small_bundle
from training.bundle import Bundle
from training.bundle.features import STATISTICS, band_edges
from training.bundle.manifest import Biquads
from training.quality_gate import fit_gate
from training.sections import Gate

SHAPE = ChainShape(
    window=128,
    hop=64,
    channels=2,
    sections=2,
    gate="mains",
    scaler="affine",
    statistics=STATISTICS,
    edges=tuple(band_edges(128, 12)),
    scores=("mse", "mahalanobis", "level"),
    joined=True,
    extremes=12.0,
)
FILTER = Biquads(kind="biquads", sections=[[2**26, 2**27, 2**26, -(2**26), 2**25]] * 3, delay=1.0)


def _bundles(folder) -> list[Bundle]:
    """Chains with each kind of scaler, score and features."""
    shapes = [
        {"window": 140},
        {"window": 97, "channels": 3, "per_window": True, "score": "mae"},
        {"window": 200, "channels": 2, "features": "alone", "score": "mahalanobis"},
        {"window": 129, "features": "beside", "score": "join"},
        {"window": 256, "channels": 3, "features": "beside", "per_window": True, "filter": FILTER},
        {"window": 500, "features": "alone", "score": "level", "hop": 60, "filter": FILTER},
    ]
    return [small_bundle(folder / f"b{i}", **each) for i, each in enumerate(shapes)]


@pytest.mark.toolchain
def test_the_prediction_of_each_stage_is_within_three_percent_of_the_emulator(tmp_path):
    bundles = _bundles(tmp_path)
    manifests, windows = [], []
    for number, bundle in enumerate(bundles):
        counts = bundle.golden.counts
        recording = _Recording(100.0 if number % 2 else None)
        gate = fit_gate(Gate(), counts, recording, raw_input=False)  # type: ignore[arg-type]
        manifests.append(bundle.manifest.model_copy(update={"gate": gate}))
        windows.append(counts[:3])
    assert {manifest.gate.kind for manifest in manifests} == {"limits"}
    every = count_stages(manifests, windows, tmp_path)
    for manifest, counts, counted in zip(manifests, windows, every, strict=True):
        predicted = stage_instructions(chain_shape(manifest, counts))
        assert sum(predicted.values()) == pytest.approx(sum(counted.values()), rel=0.01)
        for stage, instructions in counted.items():
            # The score `level` of one channel takes 7 instructions.
            assert predicted[stage] == pytest.approx(instructions, rel=0.03, abs=2), stage


class _Recording:
    """The rate of a recording, for the gate."""

    rate_is_nominal = False

    def __init__(self, rate_hz: float | None) -> None:
        self.rate_hz = rate_hz


def test_every_part_has_a_cost():
    shapes = [
        SHAPE,
        replace(SHAPE, window=255, scaler="per_window", scores=("mae",), joined=False),
    ]
    parts = {p for s in shapes for work in stage_work(s).values() for p, n in work.items() if n}
    assert len(parts) > 50
    assert not parts - set(costs(COSTS)), "run python -m benchmarks.chain_costs --write"
    assert min(costs(COSTS).values()) >= 0


def test_a_stage_that_is_none_takes_nothing_and_more_of_anything_takes_more():
    bare = replace(SHAPE, sections=0, gate="none", statistics=(), edges=(), scores=("mse",))
    bare = replace(bare, joined=False)
    instructions = stage_instructions(bare)
    assert instructions["filter"] == instructions["gate"] == 0
    whole = sum(stage_instructions(SHAPE).values())
    for more in (
        {"window": 200, "edges": tuple(band_edges(200, 12))},
        {"extremes": 500.0},
        {"channels": 3},
        {"hop": 128},
        {"sections": 3},
    ):
        assert sum(stage_instructions(replace(SHAPE, **more)).values()) > 1.05 * whole
    assert np.isfinite(whole)
