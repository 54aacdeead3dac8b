"""The plan predicts how many instructions an inference takes, without an image."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.graphs import Graph, random_graph
from tests.support.networks import (
    count_emulated,
    form_network,
    paired_network,
    random_network,
    silent_inputs,
    silent_network,
)
from tools.convert.model import read_model
from tools.convert.plan import RUN, make_plan
from tools.convert.work import costs


def _predicted(model: bytes) -> float:
    """The prediction of infer(), without engine::run()."""
    return make_plan(read_model(model), "net").instructions - RUN


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
def test_the_prediction_is_that_of_normal_windows_where_layers_skip_zeros(tmp_path):
    rng = np.random.default_rng(7)
    model = silent_network(rng, (640, 128, 128, 64), 48)
    normal, noise = silent_inputs(rng, 12, 640), rng.integers(100, 128, (3, 640)).astype(np.int8)
    plan = make_plan(read_model(model), "net", windows=normal)
    assert plan.instructions < 0.95 * plan.most_instructions
    # The mean counts one window more than there are, in which nothing is skipped.
    [often] = count_emulated([model], tmp_path, normal=[normal])
    mean = (len(normal) * often + plan.most_instructions) / (len(normal) + 1)
    assert plan.instructions - RUN == pytest.approx(mean, rel=0.01)
    [most] = count_emulated([model], tmp_path, normal=[normal], inputs=[noise])
    assert plan.most_instructions - RUN == pytest.approx(most, rel=0.01)
    assert plan.most_instructions > make_plan(read_model(model), "net").instructions


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
        plan = make_plan(read_model(model), "net")
        # Several models are in one unit, so that the compiler inlines no lookup table.
        steps = (step.instructions + step.pass_instructions[plan.loops] for step in plan.steps)
        assert sum(steps) == pytest.approx(counted, rel=0.03, abs=20)


def test_wider_layers_take_more_instructions():
    rng = np.random.default_rng(4)
    counts = [_predicted(paired_network(rng, (64, width, 64))) for width in (8, 16, 32, 64)]
    assert counts == sorted(counts) and counts[3] > 5 * counts[0]


@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("sines", ("windows.length=256", "windows.hop=256", "data.length=256")),
        ("mnist", ()),
        ("lstm", ()),
    ],
)
def test_the_prediction_is_within_three_percent_for_the_model_of_a_recipe(name, changes, tmp_path):
    """Convolutions, pooling, resizing; a lookup table in a dense model; an LSTM.

    `python -m benchmarks.plan_costs` compares all recipes.
    """
    from training.input_quantization import fit_input_quantizer
    from training.model_size import model_size
    from training.recipe import read_recipe

    recipe = read_recipe(name, changes)
    shape = (8, recipe.windows.length, 1)
    counts = np.random.default_rng(0).normal(0, 1000, shape).astype(np.int16)
    quantizer = fit_input_quantizer(recipe.scaler, counts, (1.0,))
    model = model_size(recipe, quantizer).model
    [counted] = count_emulated([model], tmp_path, windows=1)
    assert _predicted(model) == pytest.approx(counted, rel=0.01 if name == "mnist" else 0.03)


@pytest.mark.toolchain
def test_the_prediction_covers_every_operator(tmp_path):
    """One small graph can be a tenth off, where branches depend on the values; all together not."""
    rng = np.random.default_rng(5)
    models = [random_graph(rng) for _ in range(25)]
    predicted = np.array([_predicted(model) for model in models])
    counted = np.array(count_emulated(models, tmp_path))
    assert np.median(abs(predicted / counted - 1)) < 0.015
    assert (abs(predicted - counted) < 0.15 * counted + 150).all()
    assert predicted.sum() == pytest.approx(counted.sum(), rel=0.03)


def test_every_part_of_a_kernel_has_a_cost():
    rng = np.random.default_rng(6)
    plans = [make_plan(read_model(random_graph(rng)), "net") for _ in range(25)]
    parts = {part for plan in plans for step in plan.steps for part in step.work}
    assert len(parts) > 60
    rare = {part for part in parts - set(costs()) if ".round" not in part}
    assert not rare, "run python -m benchmarks.plan_costs --write KERNEL"
    assert min(costs().values()) >= 0


def test_a_longer_convolution_takes_more_instructions():
    counts = []
    for rows in (20, 40, 80):
        graph = Graph(np.random.default_rng(8))
        source = graph.tensor((1, rows, 1, 8), 0.05)
        target = graph.conv(source, 8, (5, 1), (1, 1), 0)
        counts.append(_predicted(graph.builder.finish(source.index, target.index)))
    assert counts == sorted(counts) and counts[2] > 1.8 * counts[0]
