"""The plan predicts how many instructions an inference takes, without an image."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.networks import count_emulated, form_network, paired_network, random_network
from tools.convert.model import read_model
from tools.convert.plan import RUN, make_plan
from tools.measure.bench.models import ModelBuilder


def _predicted(model: bytes) -> float:
    """The prediction of infer(), without engine::run()."""
    instructions = make_plan(read_model(model), "net").instructions
    assert instructions is not None
    return instructions - RUN


@pytest.mark.toolchain
def test_the_prediction_is_within_one_percent_of_the_emulator_for_dense_autoencoders(tmp_path):
    rng = np.random.default_rng(1)
    shapes = [(140, 32, 16, 8, 16, 32, 140), (35, 32, 16, 12, 16, 32, 35), (640, 128, 8, 128, 640)]
    shapes += [
        (n, int(rng.integers(8, 80)), int(rng.integers(4, 16)), int(rng.integers(8, 80)), n)
        for n in rng.integers(24, 400, 20).tolist()
    ]
    models = [paired_network(rng, widths) for widths in shapes]
    for model, counted in zip(models, count_emulated(models, tmp_path), strict=True):
        assert _predicted(model) == pytest.approx(counted, rel=0.01)


@pytest.mark.toolchain
def test_the_prediction_is_exact_for_every_form_of_the_paired_kernel(tmp_path):
    rng = np.random.default_rng(2)
    models = [
        form_network(rng, shift, sign=sign, per_channel=per_channel, to_bytes=to_bytes)
        for shift in ("left", "none", "right", "after")
        for sign in (False, True)
        for per_channel in (False, True)
        for to_bytes in (False, True)
    ]
    for model, counted in zip(models, count_emulated(models, tmp_path), strict=True):
        steps = len(make_plan(read_model(model), "net").steps)
        assert abs(_predicted(model) - counted) <= 2 * steps + 4


@pytest.mark.toolchain
def test_the_prediction_is_within_three_percent_for_layers_of_any_size_and_scale(tmp_path):
    rng = np.random.default_rng(3)
    models = [random_network(rng) for _ in range(40)]
    for model, counted in zip(models, count_emulated(models, tmp_path), strict=True):
        assert _predicted(model) == pytest.approx(counted, rel=0.03, abs=20)


def test_wider_layers_take_more_instructions():
    rng = np.random.default_rng(4)
    counts = [_predicted(paired_network(rng, (64, width, 64))) for width in (8, 16, 32, 64)]
    assert counts == sorted(counts) and counts[3] > 5 * counts[0]


def test_there_is_no_prediction_for_a_kernel_without_a_formula():
    builder = ModelBuilder()
    source = builder.tensor((1, 8), 0.1)
    target = builder.tensor((1, 8), 0.1)
    other = builder.constant(np.ones((1, 8), np.int8), 0.1)
    builder.operator("ADD", [source, other], [target])
    assert make_plan(read_model(builder.finish(source, target)), "net").instructions is None
