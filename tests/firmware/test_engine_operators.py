"""Every operator of the compiled engine equals the TensorFlow Lite Micro interpreter.

Random networks contain convolutions, pooling, resizing, residual branches, splits, joins and LSTM
cells. Every byte of every output is compared, on 100 windows each or more.
"""

import functools
from collections import Counter

import numpy as np
import pytest

from tests.firmware.test_engine_compiled import differing, engine_of, needs_emulator
from tests.support import graphs, networks
from tests.support.graph_operators import SAME, VALID, schema
from tests.support.graphs import Graph
from tests.support.uneven_channels import UnevenChannels
from tools.convert.compiled import compile_model
from tools.convert.model import read_model
from tools.convert.operators import kinds
from tools.convert.plan import make_plan
from tools.measure.bench import emulator
from tools.measure.budget.stack import CallGraph
from training.bundle.errors import ConvertError
from training.bundle.interpreter import Interpreter

pytestmark = pytest.mark.slow

WINDOWS = 100
NETWORKS = 300
OPERATORS = {name for name, kind in kinds().items() if kind.plan} - {"SQUEEZE", "EXPAND_DIMS"}
"""Operators that the random networks must contain; the two left out are planned like RESHAPE."""


PLAIN = {"kernel_window.h", "convolve.cpp", "depthwise.cpp"}
"""Kernels that few networks use unless they are asked to."""


@functools.cache
def cases(seed, count, windows=WINDOWS):
    """Models, their inputs, and the interpreter's outputs."""
    rng = np.random.default_rng(seed)
    return with_expected(rng, [graphs.random_graph(rng) for _ in range(count)], windows)


@functools.cache
def single_operators(kind):
    """Twenty networks of one operator; `kind` is a method of Graph."""
    rng = np.random.default_rng(6)
    models = []
    while len(models) < 20:
        graph = Graph(rng)
        channels = rng.integers(1, 7) if kind == "pixels" else rng.integers(4, 7)
        source = graph.tensor((1, 7, 5, int(channels)), 0.05)
        target = getattr(graph, kind)(source)
        if target is not source:  # the random choice fits
            models.append(graph.builder.finish(source.index, target.index))
    return with_expected(rng, models)


def with_expected(rng, models, windows=WINDOWS):
    """Models, their inputs, and the interpreter's outputs."""
    inputs = [
        networks.random_inputs(rng, windows, read_model(model).input.size) for model in models
    ]
    return models, inputs, [Interpreter(m).run(x) for m, x in zip(models, inputs, strict=True)]


def test_random_networks_on_the_host(tmp_path):
    models, inputs, expected = cases(seed=1, count=NETWORKS, windows=200)
    outputs = networks.run_on_host(models, inputs, tmp_path)
    assert sum(differing(outputs, expected)) == 0
    met = Counter(each.name for model in models for each in read_model(model).operators)
    assert set(met) == OPERATORS
    assert min(met.values()) >= 4


@functools.cache
def uneven_channels():
    """Convolutions that the paired kernel runs but for a few channels, which the plain one runs."""
    rng = np.random.default_rng(3)
    models = []
    for operator in ("conv", "transposed", "dense"):
        rows = {"rows": 3} if operator == "dense" else {}
        for _ in range(25):
            graph = UnevenChannels(rng)
            source = graph.tensor((3, 100) if rows else (1, 5, 4, 16), 0.05)
            target = getattr(graph, operator)(source, int(rng.choice([13, 16, 21])), **rows)
            if target is not source:
                models.append(graph.builder.finish(source.index, target.index))
    models = [model for model in models if _kernels(model) == {"paired_dense", "dense"}]
    return with_expected(rng, models)


def _macs(plan):
    return sum(step.report.macs for step in plan.steps)


def _kernels(model):
    return {step.report.kernel for step in make_plan(read_model(model), "m").steps}


@pytest.mark.parametrize(
    "run",
    [
        pytest.param(networks.run_on_host, id="host"),
        pytest.param(
            networks.run_emulated, id="emulated", marks=(needs_emulator, pytest.mark.toolchain)
        ),
    ],
)
def test_channels_without_an_exact_form_run_in_the_plain_kernel(run, tmp_path):
    models, inputs, expected = uneven_channels()
    assert len(models) >= 6
    assert sum(differing(run(models, inputs, tmp_path), expected)) == 0
    for model in map(read_model, models):
        assert _macs(make_plan(model, "m")) == _macs(make_plan(model, "m", plain=True))


def test_plain_kernels_alone(tmp_path):
    models, inputs, expected = cases(seed=2, count=25)
    outputs = networks.run_on_host(models, inputs, tmp_path, plain=range(25))
    assert sum(differing(outputs, expected)) == 0


def test_address_and_undefined_behaviour_sanitizers_report_nothing(tmp_path):
    models, inputs, expected = cases(seed=2, count=25)
    flags = ("-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    outputs = networks.run_on_host(models, inputs, tmp_path, flags)
    assert sum(differing(outputs, expected)) == 0


@needs_emulator
@pytest.mark.toolchain
@pytest.mark.parametrize("flags", [emulator.FAST, emulator.NANO], ids=["O2-hard", "nano"])
def test_random_networks_emulated(flags, tmp_path):
    models, inputs, expected = cases(seed=2, count=25)
    outputs = networks.run_emulated(models, inputs, tmp_path, flags)
    assert sum(differing(outputs, expected)) == 0


@pytest.mark.parametrize(
    ("kind", "file", "right", "wrong"),
    [
        ("conv", "kernel_window.h", "x += at.stride_width", "x += 1"),
        ("conv", "kernel_window.h", "(end + dilation - 1) / dilation", "end / dilation"),
        ("conv", "convolve.cpp", "(at.dilation_width - 1) * channels", "0"),
        ("conv", "convolve.cpp", "ones = walk.count & 3", "ones = walk.count & 1"),
        ("conv", "convolve.cpp", "fours = walk.count >> 2", "fours = walk.count >> 3"),
        ("conv", "convolve.cpp", "odd_bytes(v), odd", "odd_bytes(v), even"),
        ("conv", "convolve.cpp", "even != outputs", "even > outputs"),
        ("conv", "convolve_paired.h", "x += at.stride_width", "x += 1"),
        ("conv", "convolve_paired.cpp", "at.padding, bytes(from - x)", "0, bytes(from - x)"),
        ("conv", "convolve_paired.cpp", "width == at.in_width", "width <= at.in_width"),
        ("pixels", "few_inputs.h", "upper_even_bytes(second)", "odd_bytes(second)"),
        ("pixels", "few_inputs.h", "output += kOutputs;", "output += 0 * kOutputs;"),
        ("pixels", "few_outputs.h", "next, input - 4, sums", "next, input - 5, sums"),
        ("pixels", "few_outputs.h", "2 * kOutput + 1", "2 * kOutput"),
        ("pixels", "two_roundings.h", "negative ? value - 1", "negative ? value"),
        ("pixels", "two_roundings.h", "*values < low ? low", "*values < low ? high"),
        ("pixels", "two_roundings.h", "~bytes_of(high)", "bytes_of(high)"),
        ("series", "few_inputs.h", "input + kStep - 1", "input + kStep"),
        ("few", "few_inputs.h", "add_low_by_high(x, odd", "add_low_by_high(x, even"),
        ("three_columns", "plane_three.h", "halves_of(Sizes::kPadding)", "0"),
        ("three_columns", "plane_three.h", "(begin[i], a, sum.second", "(end[i], a, sum.second"),
        ("three_columns", "plane_three.h", "Sizes::kPitch + 2]", "Sizes::kPitch + 1]"),
        ("three_columns", "plane_three.h", "layer.shifts[o]", "layer.shifts[0]"),
        ("doubled", "transposed_three.h", "halves_of(padding)", "halves_of(padding + 1)"),
        (
            "doubled",
            "transposed_three.h",
            "add_pixel<kFours, 0>(x - kPitch -",
            "add_pixel<kFours, 0>(x -",
        ),
        ("conv", "paired_dense.cpp", "i % 4 < 2 ? word", "i % 4 < 3 ? word"),
        ("conv", "paired_dense.cpp", "- 128);", "- 127);"),
        ("depthwise", "dense.cpp", "layer.per_channel ? first : 0", "first & 1"),
        ("depthwise", "dense.h", "& sign));", "& sign & 0));"),
        ("conv", "output_clamp.h", "bytes_of(clamp.floor)", "0"),
        ("conv", "simd.h", "value > 255 ? 255", "value > 255 ? 254"),
        ("depthwise", "kernel_window.h", "begin + dilation - 1", "begin"),
        ("depthwise", "kernel_window.h", "y += at.stride_height", "y += at.stride_width"),
        ("depthwise", "depthwise.cpp", "++more == multiplier", "++more != multiplier"),
        ("depthwise", "depthwise.cpp", "add_high_product(odd", "add_high_product(even"),
        ("depthwise", "depthwise.cpp", "(at.kernel_width - window.columns) * outputs", "0"),
        ("depthwise", "depthwise_plane.cpp", "halves_of(at.padding)", "0"),
        ("depthwise", "depthwise_plane.cpp", "two >> 16", "two"),
        ("depthwise", "depthwise_plane.cpp", "i * pitch + left", "i * pitch + left + 1"),
        ("depthwise", "depthwise_plane.cpp", "kStride == 1 ? j + 1 : j", "j"),
        ("depthwise", "depthwise_plane.cpp", "= at.dilation_height * plane.pitch", "= plane.pitch"),
        ("conv", "depthwise_plane.cpp", "+ 2 * stride", "+ 4"),
        ("conv", "depthwise_plane.cpp", "words = (width + 1) / 2", "words = width / 2"),
        ("lstm", "lstm.cpp", "(1 << (-left - 1))", "0"),
        ("lstm", "lstm.cpp", "fraction * step", "fraction % 1 * step"),
        ("lstm", "lstm.cpp", "hidden != nullptr", "hidden == output"),
        ("lstm", "lstm.cpp", "state > layer.clip ? layer.clip", "state > layer.clip ? state"),
        ("lstm", "lstm.cpp", "-layer.clip ? -layer.clip", "-layer.clip ? 1 - layer.clip"),
        ("lstm", "lstm.cpp", "(1 << 9) - 1)", "(1 << 9))"),
        ("lstm", "simd.h", "odd_bytes(w), odd_bytes", "odd_bytes(w), even_bytes"),
        ("lstm", "simd.h", "count &= 3;", "count &= 1;"),
        ("pool", "pool.cpp", "sum - half : sum + half", "sum : sum + half"),
        ("pool", "pool.cpp", "/ count, low, high", "/ count, low, 127"),
        ("pool", "pool.cpp", "/ count, low, high", "/ count, -128, high"),
        ("pool", "pool.cpp", "out, pool.low, channels", "out, 0, channels"),
        ("pool", "pool.cpp", "pool.high != 127 &&", "false &&"),
        ("pool", "simd.h", ">= static_cast<std::int8_t>(b >> i)", ">= 0"),
        ("pool", "simd.h", "*values > *kept ? *values", "*values < *kept ? *values"),
        ("residual", "elementwise.cpp", "(below & sign)", "(below & sign & 0)"),
        ("residual", "elementwise.cpp", "y << 8 & kUpper", "y << 8"),
        ("residual", "elementwise.cpp", "b_step = sizes.b == 1 ? 0 : 1", "b_step = 1"),
        ("residual", "elementwise.cpp", "sizes.b == size ? b + done : b", "b"),
        ("residual", "elementwise.cpp", "load_some(y, left)), left);", "load_some(y, left)), 1);"),
        ("residual", "output_clamp.h", "bytes_of(clamp.floor)", "0"),
        ("depthwise", "simd.h", "value < 0 ? 0", "value < 0 ? 1"),
        ("extreme", "elementwise.cpp", "1 << 20", "1 << 18"),
        ("extreme", "elementwise.cpp", "product.a_zero) *", "product.a_zero + 1) *"),
        ("extreme", "elementwise.cpp", "j + 1 == sizes.b", "j == sizes.b"),
        ("extreme", "requantize.h", "(high < 0 ? 1 : 0)", "0"),  # ties up, not away from zero
        ("lstm", "requantize.h", "(high < 0 ? 1 : 0)", "0"),
        ("unary", "lookup_table.h", "table + 128", "table + 127"),
        ("crop", "copy.cpp", "i * runs.from_step", "i * runs.to_step"),
        ("resize", "copy.cpp", "x * resize.in_width", "(x + 1) * resize.in_width"),
    ],
)
def test_a_small_error_in_a_kernel_is_detected(kind, file, right, wrong, tmp_path):
    models, inputs, expected = single_operators(kind)
    kernels = networks.kernels_with(tmp_path, file, right, wrong)
    plain = range(len(models)) if file in PLAIN else ()
    outputs = networks.run_on_host(models, inputs, tmp_path, ("-O0",), plain, kernels=kernels)
    assert sum(differing(outputs, expected)) > 0


@pytest.mark.parametrize(
    ("kind", "file", "right", "wrong"),
    [
        ("softmax", "softmax.cpp", "i < 3; ++i", "i < 2; ++i"),
        ("softmax", "softmax.cpp", "share - 128", "share - 127"),
        ("softmax", "softmax.cpp", "(1ULL << bits) >> 1", "(1ULL << bits) >> 2"),
        ("softmax", "softmax.cpp", "input[i] > largest", "input[i] < largest"),
        ("mean", "pool.cpp", "value += reduce.inner", "value += 1"),
        ("mean", "pool.cpp", "std::int32_t sum = reduce.start", "std::int32_t sum = 0"),
        ("bilinear", "pool.cpp", "sum > 0 ? kHalf : -kHalf", "kHalf"),
        ("bilinear", "pool.cpp", "at < 0 ? 0 : at / kOne", "at / kOne + (at < 0)"),
        ("bilinear", "pool.cpp", "next < side - 1 ? next : side - 1", "next < side ? next : side"),
        ("difference", "elementwise.cpp", "kHeadroom = 1 << 7", "kHeadroom = 1 << 6"),
        ("difference", "elementwise.cpp", "both * both", "both"),
        ("extreme_of_two", "elementwise.cpp", "x < y ? x : y", "x < y ? y : x"),
        ("extreme_of_two", "elementwise.cpp", "x > y ? x : y", "x > y ? y : x"),
        ("transpose", "copy.cpp", "in_3 += from[3]", "in_3 += from[2]"),
        ("pad", "copy.cpp", "memset(output, value, count)", "memset(output, value + 1, count)"),
        ("slice", "copy.cpp", "in_2 += from[2]", "in_2 += to[2]"),
        ("blocks", "copy.cpp", "in_3 += from[3]", "in_3 += to[3]"),
    ],
)
def test_a_small_error_in_a_kernel_without_weights_is_detected(kind, file, right, wrong, tmp_path):
    test_a_small_error_in_a_kernel_is_detected(kind, file, right, wrong, tmp_path)


def test_a_difference_without_an_exact_record(tmp_path):
    models, inputs, expected = single_operators("difference")
    outputs = networks.run_on_host(models, inputs, tmp_path)
    assert sum(differing(outputs, expected)) == 0
    text = "".join(path.read_text() for path in tmp_path.glob("nets*.cpp"))
    assert "subtract(" in text and "square_difference(" in text


def test_the_largest_softmax_of_alike_values_is_the_interpreters(tmp_path):
    """With one value more, gemmlowp divides by 2^32, and the interpreter ends."""

    def model_of(size):
        graph = Graph(np.random.default_rng(0))
        source = graph.tensor((1, size), 0.1, 3)
        return graph.builder.finish(source.index, graph.softmax(source).index)

    inputs = np.array([np.full((1, 511), 5), np.arange(511)[None] % 3], np.int8)
    model = model_of(511)
    flags = ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover")
    (outputs,) = networks.run_on_host([model], [inputs], tmp_path, flags)
    assert (outputs == Interpreter(model).run(inputs)).all()
    with pytest.raises(ConvertError, match="512 values with beta"):
        make_plan(read_model(model_of(512)), "m")


@pytest.mark.parametrize("power", [-15, -11, -4])
@pytest.mark.parametrize("clip", [0.0, -1.0, 0.05, 0.6, 1e-6, 3.0])
def test_the_cell_state_of_an_lstm_is_clipped(power, clip, tmp_path):
    """To zero if the clip is smaller than a step of the cell state; a clip of 0 is none."""
    graph = Graph(np.random.default_rng(4))
    source = graph.tensor((1, 48), 0.05)
    model = graph.builder.finish(source.index, graph.lstm(source, power, clip).index)
    inputs = networks.random_inputs(np.random.default_rng(5), WINDOWS, 48)
    assert (engine_of(model, tmp_path).run(inputs) == Interpreter(model).run(inputs)).all()


def test_add_and_mul_without_an_exact_record(tmp_path):
    models, inputs, expected = single_operators("extreme")
    outputs = networks.run_on_host(models, inputs, tmp_path)
    assert sum(differing(outputs, expected)) == 0
    text = "".join(path.read_text() for path in tmp_path.glob("nets*.cpp"))
    assert all(text.count(f"const {kind} k") >= 5 for kind in ("SlowAdd", "SlowMul"))


@needs_emulator
@pytest.mark.toolchain
@pytest.mark.parametrize(
    "kind",
    [
        *("conv", "depthwise", "residual", "pool", "lstm", "softmax", "mean", "bilinear"),
        *("difference", "extreme_of_two", "transpose", "pad", "slice", "blocks"),
    ],
)
def test_the_stack_of_an_inference_has_a_bound(kind, tmp_path):
    """No kernel calls through a pointer, so the call graph of an inference is closed."""
    models, inputs, expected = single_operators(kind)
    outputs = networks.run_emulated(models, inputs, tmp_path, emulator.NANO)
    assert sum(differing(outputs, expected)) == 0
    graph = CallGraph(tmp_path / "networks.elf")
    for i in range(len(models)):
        name = graph.find(rf"_ZN5vigil5model{len(str(i)) + 3}net{i}5infer")
        bound = graph.worst_case(name)
        assert bound.closed and 0 < bound.bytes < 1000, bound


def test_views_take_no_memory_and_no_code():
    """The parts of a contiguous split or join share memory with the whole."""
    graph = Graph(np.random.default_rng(0))
    source = graph.tensor((1, 24), 0.1, 3)
    parts = [graph.unary(part, "TANH") for part in graph.split(source, 1, 3)]
    joined = graph.unary(graph.join(parts, 1), "LEAKY_RELU")
    model = read_model(graph.builder.finish(source.index, joined.index))
    plan = make_plan(model, "m")
    assert [step.report.kernel for step in plan.steps] == ["look_up"] * 4
    assert plan.memory.arena_bytes == 0  # all values share the output's memory


def test_a_residual_branch_outlives_the_layers_between(tmp_path):
    graph = Graph(np.random.default_rng(1))
    source = graph.tensor((1, 20, 1, 4), 0.05, -7)
    first = graph.conv(source, 4, (3, 1), (1, 1), SAME)
    second = graph.conv(graph.conv(first, 8, (5, 1), (1, 1), SAME), 4, (3, 1), (1, 1), SAME)
    model = graph.builder.finish(source.index, graph.combine("ADD", first, second).index)
    inputs = networks.random_inputs(np.random.default_rng(2), WINDOWS, 80)
    assert (engine_of(model, tmp_path).run(inputs) == Interpreter(model).run(inputs)).all()


def test_a_sum_does_not_overwrite_a_part_of_its_operand_that_repeats(tmp_path):
    """The second operand is a view of the first, in whose memory the sum must not be."""
    graph = Graph(np.random.default_rng(3))
    source = graph.tensor((1, 3, 4), 0.05, -7)
    whole = graph.unary(source, "TANH")
    row = graph.split(whole, 1, 3)[0]
    target = graph.tensor(whole.shape, 0.02, 3)
    graph.operator("ADD", [whole.index, row.index], [target], schema.AddOptionsT())
    model = graph.builder.finish(source.index, target.index)
    inputs = networks.random_inputs(np.random.default_rng(2), WINDOWS, 12)
    assert (engine_of(model, tmp_path).run(inputs) == Interpreter(model).run(inputs)).all()


def test_the_input_may_be_the_output(tmp_path):
    graph = Graph(np.random.default_rng(0))
    source = graph.tensor((1, 12), 0.1, 3)
    model = graph.builder.finish(source.index, graph.reshape(source, (12, 1)).index)
    inputs = networks.random_inputs(np.random.default_rng(0), WINDOWS, 12)
    assert (engine_of(model, tmp_path).run(inputs) == inputs).all()


def test_layer_table_names_convolutions_and_their_kernels():
    graph = Graph(np.random.default_rng(3))
    source = graph.tensor((1, 16, 1, 4), 0.1, 3)
    target = graph.conv(source, 8, (3, 1), (1, 1), VALID)
    model = read_model(graph.builder.finish(source.index, target.index))
    table = compile_model(model, "title", "m")["compiled_model.cpp"]
    assert "CONV_2D   16x1x4 -> 14x1x8, 3x1" in table
