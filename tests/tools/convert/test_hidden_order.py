"""The order of hidden units, and the windows by which it is chosen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.networks import paired_network, silent_inputs, silent_network
from tools.convert import emit, plan
from tools.convert.compiled import compile_model
from tools.convert.hidden_order import MEASURED, hidden_orders, normal_windows
from tools.convert.model import read_model
from tools.measure.bench.small_bundle import small_bundle
from training.bundle.interpreter import Interpreter

WIDTHS, SILENT = (200, 128, 96, 40), 45


@pytest.fixture(scope="module")
def model():
    return silent_network(np.random.default_rng(1), WIDTHS, SILENT)


@pytest.fixture(scope="module")
def normal():
    return silent_inputs(np.random.default_rng(2), 12, WIDTHS[0])


def test_units_that_are_zero_in_every_normal_window_come_first(model, normal):
    read = read_model(model)
    orders = hidden_orders(read, normal)
    assert [read.tensors[index].size for index in orders] == [128, 96]
    values = Interpreter(model, keep_tensors=True).activations(normal, list(orders))
    for order, units in zip(orders.values(), values, strict=True):
        assert sorted(order.units) == list(range(len(order.units)))
        assert order.silent % 8 == 0 and len(order.units) - order.silent >= 64
        skipped = (units[:, order.units[: order.silent]] == -128).all(1)
        assert order.share == pytest.approx(skipped.sum() / (len(normal) + 1))
    first, second = (order.silent for order in orders.values())
    assert first >= SILENT // 8 * 8 and second >= 32


def test_units_that_fire_in_one_window_of_many_are_skipped_in_the_others():
    rng = np.random.default_rng(3)
    model = silent_network(rng, (200, 128, 40), 40)
    windows = silent_inputs(rng, 19, 200)
    windows[0, :8] = 127  # all silent units fire in one window
    [order] = hidden_orders(read_model(model), windows).values()
    assert order.silent >= 40 and 0.8 <= order.share <= 0.9


def test_the_same_windows_give_the_same_source(model, normal):
    texts = [compile_model(read_model(model), "title", "model", windows=normal) for _ in range(2)]
    assert texts[0] == texts[1]
    assert "inputs if all are 0" in texts[0]["compiled_model.cpp"]


def test_a_model_that_gains_nothing_keeps_its_source(normal):
    rng = np.random.default_rng(4)
    for widths in ((200, 64, 200), (200, 128, 40)):
        plain = read_model(paired_network(rng, widths))
        windows = rng.integers(-128, 128, (12, 200)).astype(np.int8)
        texts = [compile_model(plain, "t", "m", windows=given) for given in (None, windows)]
        assert texts[0] == texts[1]


def test_kernels_without_the_loop_and_no_windows_keep_the_order(model, normal):
    read = read_model(model)
    for options in ({"plain": True}, {"vectors": True}):
        texts = [compile_model(read, "t", "m", windows=w, **options) for w in (None, normal)]
        assert texts[0] == texts[1]
    assert compile_model(read, "t", "m", windows=normal[:0]) == compile_model(read, "t", "m")


def test_an_order_that_would_leave_the_loop_is_not_taken(model, normal, monkeypatch):
    def loops(steps):
        return not any(step.skipped_instructions for step in steps)

    monkeypatch.setattr(plan, "loops", loops)
    planned = plan.make_plan(read_model(model), "m", windows=normal)
    assert loops(planned.steps)


def test_the_converter_takes_normal_golden_windows_that_are_not_measured(tmp_path, monkeypatch):
    golden = small_bundle(tmp_path / "waves").golden
    assert golden.label.tolist() == [0, 0, 1, 0, 0, 1]
    windows = normal_windows(golden)
    assert (windows == golden.input[[3, 4]]).all() and MEASURED == 3
    unknown = replace(golden, label=np.full_like(golden.label, -1))
    assert len(normal_windows(unknown)) == 3

    given = []
    right = emit.compile_model
    monkeypatch.setattr(
        emit, "compile_model", lambda *a, **k: (given.append(k["windows"]), right(*a, **k))[1]
    )
    emit.convert(tmp_path / "waves", tmp_path / "out")
    assert (given[0] == windows).all()
