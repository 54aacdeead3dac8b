"""Every operator of the compiled engine equals the TensorFlow Lite Micro interpreter.

Random networks of convolutions, pooling, resizing, residual branches, splits, joins and LSTM
cells; every byte of every output, 100 windows each.
"""

import functools
from collections import Counter

import graphs
import networks
import numpy as np
import pytest
from test_engine_compiled import differing, needs_emulator

from benchmarks import emulator
from tools.convert.model import read_model
from training.oracle import Oracle

WINDOWS = 100
NETWORKS = 120
OPERATORS = {
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED",
    "LEAKY_RELU", "LOGISTIC", "MAX_POOL_2D", "MUL", "PACK", "QUANTIZE", "RELU", "RESHAPE",
    "RESIZE_NEAREST_NEIGHBOR", "SPLIT", "SPLIT_V", "STRIDED_SLICE", "TANH", "TRANSPOSE_CONV",
    "UNIDIRECTIONAL_SEQUENCE_LSTM", "UNPACK",
}  # fmt: skip


@functools.cache
def cases(seed, count):
    """Models, inputs, and what the interpreter says."""
    rng = np.random.default_rng(seed)
    models = [graphs.random_graph(rng) for _ in range(count)]
    inputs = [
        networks.random_inputs(rng, WINDOWS, read_model(model).input.size) for model in models
    ]
    return models, inputs, [Oracle(m).run(x) for m, x in zip(models, inputs, strict=True)]


def test_random_networks_on_the_host(tmp_path):
    models, inputs, expected = cases(seed=1, count=NETWORKS)
    outputs = networks.run_on_host(models, inputs, tmp_path)
    assert sum(differing(outputs, expected)) == 0
    met = Counter(each.name for model in models for each in read_model(model).operators)
    assert set(met) == OPERATORS
    assert min(met.values()) >= 5


def test_plain_kernels_alone(tmp_path):
    models, inputs, expected = cases(seed=2, count=30)
    outputs = networks.run_on_host(models, inputs, tmp_path, plain=range(30))
    assert sum(differing(outputs, expected)) == 0


def test_address_and_undefined_sanitizers_find_nothing(tmp_path):
    models, inputs, expected = cases(seed=2, count=30)
    flags = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    outputs = networks.run_on_host(models, inputs, tmp_path, flags)
    assert sum(differing(outputs, expected)) == 0


@needs_emulator
@pytest.mark.toolchain
@pytest.mark.parametrize("flags", [emulator.FAST, emulator.NANO], ids=["O2-hard", "nano"])
def test_random_networks_emulated(flags, tmp_path):
    models, inputs, expected = cases(seed=2, count=30)
    outputs = networks.run_emulated(models, inputs, tmp_path, flags)
    assert sum(differing(outputs, expected)) == 0


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("convolve.cpp", "x += at.stride_width", "x += 1"),
        ("convolve.cpp", "std::memset(out, at.padding, bytes(from - x))", "std::memset(out, 0, 0)"),
        ("convolve.cpp", "width == at.in_width", "width <= at.in_width"),
        ("depthwise.cpp", "layer.per_channel ? out : 0", "layer.per_channel ? channel : 0"),
        ("lstm.cpp", "(1 << (-left - 1))", "0"),
        ("lstm.cpp", "fraction * step", "0 * step"),
        ("lstm.cpp", "hidden != nullptr", "hidden != output"),
        ("pool.cpp", "sum > 0 ? sum + count / 2", "sum > 0 ? sum"),
        ("pool.cpp", "std::int32_t most = -128;", "std::int32_t most = -127;"),
        ("elementwise.cpp", "1 << 20", "1 << 18"),
        ("elementwise.cpp", "x * y, product.by)", "x * y + 1, product.by)"),
        ("elementwise.cpp", "j + 1 == b.size", "j == b.size"),
        ("copy.cpp", "i * runs.from_step", "i * runs.to_step"),
        ("copy.cpp", "x * resize.in_width", "(x + 1) * resize.in_width"),
    ],
)
def test_a_kernel_wrong_by_little_is_caught(file, right, wrong, tmp_path):
    models, inputs, expected = cases(seed=2, count=30)
    kernels = networks.kernels_with(tmp_path, file, right, wrong)
    outputs = networks.run_on_host(models, inputs, tmp_path, kernels=kernels)
    assert sum(differing(outputs, expected)) > 0
