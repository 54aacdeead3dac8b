"""Layers that skip hidden units which are 0: equal to the interpreter, on every byte.

The windows of a network are normal ones, in which all its silent units are 0; others, in which one,
several or all of these units are not; and noise.
"""

import functools
import re
from collections import Counter

import numpy as np
import pytest

from tests.support import networks
from tools.convert.model import read_model
from tools.measure.bench import emulator
from tools.measure.budget.stack import CallGraph
from training.bundle.interpreter import Interpreter

needs_emulator = pytest.mark.skipif(bool(emulator.missing()), reason=emulator.missing() or "")

# Widths, silent units, and the form of the last layer. The rows left are those of one pass of the
# loop, of a part of another, and of several; some outputs are no multiple of four.
NETWORKS = [
    ((640, 128, 128, 41), 45, {"sign": True}),
    ((640, 72, 72, 40), 9, {}),
    ((640, 128, 8, 128, 128, 30), 67, {"sign": True, "per_channel": True}),
    ((640, 200, 144, 34), 20, {"per_channel": True}),
]


def windows_of(rng, size):
    """Windows of a network, int8 [n, size]."""
    normal = networks.silent_inputs(rng, 30, size)
    on = normal.copy()
    for row, window in enumerate(on[:20]):
        window[row % networks.SWITCHES] = rng.integers(-120, 128)
    on[20:, : networks.SWITCHES] = 127
    return np.concatenate([normal, on, networks.random_inputs(rng, 20, size)])


@functools.cache
def cases():
    """Models, normal windows for their orders, inputs, and the interpreter's outputs."""
    rng = np.random.default_rng(1)
    models = [
        networks.silent_network(rng, widths, silent, **form) for widths, silent, form in NETWORKS
    ]
    sizes = [read_model(model).input.size for model in models]
    normal = [networks.silent_inputs(rng, 10, size) for size in sizes]
    inputs = [windows_of(rng, size) for size in sizes]
    expected = [Interpreter(model).run(x) for model, x in zip(models, inputs, strict=True)]
    return models, normal, inputs, expected


def differing(outputs, expected):
    """Number of bytes that differ, of all models."""
    return sum(int((o != e).sum()) for o, e in zip(outputs, expected, strict=True))


def bytes_changed(run, folder, file, right, wrong):
    """Number of bytes that `wrong` in place of `right` in a kernel changes in two models."""
    models, normal, inputs, expected = (each[:2] for each in cases())
    kernels = networks.kernels_with(folder, file, right, wrong)
    return differing(run(models, inputs, folder, kernels=kernels, normal=normal), expected)


def skipped(folder):
    """Numbers of inputs that layers skip, from the generated layer tables."""
    text = "".join(path.read_text() for path in folder.glob("nets*.cpp"))
    return Counter(int(units) for units in re.findall(r"; skips (\d+) inputs if all are 0", text))


def test_outputs_equal_the_interpreters_on_the_host(tmp_path):
    models, normal, inputs, expected = cases()
    flags = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    outputs = networks.run_on_host(models, inputs, tmp_path, flags, normal=normal)
    assert differing(outputs, expected) == 0
    assert {8, 48, 56, 64} <= set(skipped(tmp_path))


@needs_emulator
@pytest.mark.toolchain
@pytest.mark.parametrize("flags", [emulator.FAST, emulator.NANO], ids=["O2-hard", "nano"])
def test_outputs_equal_the_interpreters_emulated(flags, tmp_path):
    models, normal, inputs, expected = cases()
    outputs = networks.run_emulated(models, inputs, tmp_path, flags, normal=normal)
    assert differing(outputs, expected) == 0
    graph = CallGraph(tmp_path / "networks.elf")
    for i in range(len(models)):
        worst = graph.worst_case(graph.find(rf"_ZN5vigil5model4net{i}5infer"))
        assert worst.closed and worst.bytes < 200


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("b[0] += lack[0]", "b[0] += lack[1]"),
        ("b[1] += lack[1]", "b[1] += lack[1] + 1"),
        ("i < words", "i < words - 1"),
        ("stream += lack[2] / 4", "stream += lack[2] / 4 - 4"),
    ],
)
def test_a_kernel_off_by_one_is_detected(right, wrong, tmp_path):
    changed = bytes_changed(networks.run_on_host, tmp_path, "paired_dense_portable.h", right, wrong)
    assert changed > 0


@needs_emulator
@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("    add r5, r7", "    add r5, r6"),
        ("orr r9, r9, r10", "orr r9, r9, r9"),
        ("orr r11, r11, r12", "orr r11, r11, r11"),
        ("    mov r1, r7", "    mov r1, r4"),
    ],
)
def test_wrong_assembly_is_detected(right, wrong, tmp_path):
    changed = bytes_changed(networks.run_emulated, tmp_path, "paired_dense_dsp.cpp", right, wrong)
    assert changed > 0
