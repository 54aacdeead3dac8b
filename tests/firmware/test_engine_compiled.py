"""The compiled engine equals the TensorFlow Lite Micro interpreter, on every byte of every output.

Random networks have 1 to 4 dense layers of 1 to 700 values, weights per tensor and per channel,
every activation, scales over ten orders of magnitude, and inputs that saturate; 100 windows each.
"""

import functools
import itertools
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.support import networks
from tools.convert.compiled import compile_model
from tools.convert.fixedpoint import Multiplier
from tools.convert.host import HostEngine
from tools.convert.model import read_model
from tools.convert.operators import paired_dense
from tools.convert.operators.fully_connected import read_dense
from tools.convert.plan import make_plan
from tools.convert.planner import Planner
from tools.measure.bench import emulator
from tools.measure.bench.models import Activation, ModelBuilder, dense, unary
from training.bundle.errors import ConvertError
from training.bundle.interpreter import Interpreter

pytestmark = pytest.mark.slow

WINDOWS = 100
HOST_NETWORKS = 200
EMULATED_NETWORKS = 40

needs_emulator = pytest.mark.skipif(bool(emulator.missing()), reason=emulator.missing() or "")


@functools.cache
def cases(seed, count):
    """Models, their inputs, and the interpreter's outputs."""
    rng = np.random.default_rng(seed)
    models = [networks.random_network(rng) for _ in range(count)]
    inputs = [
        networks.random_inputs(rng, WINDOWS, read_model(model).input.size) for model in models
    ]
    expected = [Interpreter(model).run(x) for model, x in zip(models, inputs, strict=True)]
    return models, inputs, expected


def differing(outputs, expected):
    """Number of bytes that differ, per model."""
    assert [o.shape for o in outputs] == [e.shape for e in expected]
    return [int((o != e).sum()) for o, e in zip(outputs, expected, strict=True)]


def kernels_used(folder):
    """Number of layers per kernel, from the generated layer tables."""
    text = "".join(path.read_text() for path in folder.glob("nets*.cpp"))
    return Counter(re.findall(r"^// \d+ +FULLY_CONNECTED .* ((?:paired_)?dense) ", text, re.M))


def test_200_random_networks_on_the_host(tmp_path):
    models, inputs, expected = cases(seed=1, count=HOST_NETWORKS)
    outputs = networks.run_on_host(models, inputs, tmp_path)
    assert sum(differing(outputs, expected)) == 0
    assert min(kernels_used(tmp_path)[name] for name in ("dense", "paired_dense")) > 50


def test_rows_without_an_exact_form_run_in_the_plain_kernel_alone(tmp_path):
    """Weights per channel of which some scales are far from the others'."""
    rng = np.random.default_rng(15)
    models = []
    for outputs, divisor, (first, last) in itertools.product(
        (16, 30, 41), (77, 200), ((0.1, 1.0), (3.0, 3.0))
    ):
        builder = ModelBuilder()
        scales = 0.01 * rng.uniform(0.7, 1, outputs)
        scales[2::7] /= divisor
        source = value = builder.tensor((1, 50), 0.02, -3)
        for width, scale, target_scale in ((50, 0.02, first), (outputs, first, last)):
            value = dense(
                builder, value, rng.integers(-127, 128, (outputs, width)).astype(np.int8),
                rng.integers(-2000, 2000, outputs), source_scale=scale, target_zero_point=5,
                weight_scale=[float(np.float32(s)) for s in scales], target_scale=target_scale,
            )  # fmt: skip
        models.append(builder.finish(source, value))
    inputs = [networks.random_inputs(rng, WINDOWS, 50) for _ in models]
    expected = [Interpreter(model).run(x) for model, x in zip(models, inputs, strict=True)]
    assert differing(networks.run_on_host(models, inputs, tmp_path), expected) == [0] * len(models)
    table = "".join(path.read_text() for path in tmp_path.glob("nets*.cpp"))
    assert kernels_used(tmp_path)["paired_dense"] == 2 * len(models)
    assert len(re.findall(r"row \d+ of \d+ ", table)) >= 4
    for model in map(read_model, models):
        assert sum(step.report.macs for step in make_plan(model, "m").steps) == model.macs()


def test_plain_kernels_alone(tmp_path):
    models, inputs, expected = cases(seed=2, count=30)
    outputs = networks.run_on_host(models, inputs, tmp_path, plain=range(30))
    assert sum(differing(outputs, expected)) == 0
    assert kernels_used(tmp_path)["paired_dense"] == 0


def test_address_and_undefined_behaviour_sanitizers_report_nothing(tmp_path):
    models, inputs, expected = cases(seed=3, count=40)
    flags = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    outputs = networks.run_on_host(models, inputs, tmp_path, flags)
    assert sum(differing(outputs, expected)) == 0


@needs_emulator
@pytest.mark.toolchain
@pytest.mark.parametrize("flags", [emulator.FAST, emulator.NANO], ids=["O2-hard", "nano"])
def test_random_networks_emulated(flags, tmp_path):
    seed = 4 if flags is emulator.FAST else 5
    models, inputs, expected = cases(seed, EMULATED_NETWORKS)
    outputs = networks.run_emulated(models, inputs, tmp_path, flags)
    assert sum(differing(outputs, expected)) == 0
    assert kernels_used(tmp_path)["paired_dense"] > 20


def inner_loops(folder):
    """Number of layers with one or several passes, per form of the inner loop."""
    text = "".join(path.read_text() for path in folder.glob("nets*.cpp"))
    layers: Counter[tuple[str, bool]] = Counter()
    for part in text.split("constexpr bool kLoops = ")[1:]:
        form = "loop" if part.startswith("true") else "chain"
        blocks = paired_dense.LOOP if form == "loop" else paired_dense.CHAIN
        for groups in re.findall(r"Layer\{kStream\d+, (\d+),", part):
            layers[form, int(groups) // 2 > blocks] += 1
    return layers


def test_the_converter_and_the_kernel_agree_on_the_length_of_the_inner_loops():
    """The converter chooses between the two by these lengths."""
    text = (networks.KERNELS / "paired_dense_dsp.h").read_text()
    for name, blocks in (("kChainBlocks", paired_dense.CHAIN), ("kLoopBlocks", paired_dense.LOOP)):
        assert f"constexpr std::uint32_t {name} = {blocks};" in text


@needs_emulator
@pytest.mark.toolchain
def test_every_path_through_the_inner_loop(tmp_path):
    """No, one or several passes, with four remaining inputs or not, by chain and by loop."""
    rng = np.random.default_rng(6)
    widths = [4, 5, 8, 12, 60, 64, 68, 71, 72, 73, 76, 80, 124, 128, 132, 140, 144, 148, 216, 700]
    shapes = [(width, *rest) for rest in [(60,), (8, 60), (60, 4)] for width in widths]
    models = [networks.paired_network(rng, shape) for shape in shapes]
    inputs = [networks.random_inputs(rng, WINDOWS, read_model(each).input.size) for each in models]
    expected = [Interpreter(model).run(x) for model, x in zip(models, inputs, strict=True)]
    outputs = networks.run_emulated(models, inputs, tmp_path)
    assert differing(outputs, expected) == [0] * len(models)
    used = inner_loops(tmp_path)
    assert all(used[form, several] for form in ("chain", "loop") for several in (False, True)), used
    assert kernels_used(tmp_path)["dense"] == 0


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("dense.cpp", "layer.bias[row + i]", "layer.bias[row + i] + 1"),
        ("paired_dense_portable.h", "y -= 1U << (first ? 7", "y -= 1U << (first ? 6"),
        ("paired_dense_portable.h", "y += own[4]", "y += own[4] + own[4]"),
        ("paired_dense_portable.h", "multiplier, y);", "multiplier, y + 65536);"),
        ("paired_dense.cpp", "to[1], neighbours)", "to[1], neighbours + 1)"),
    ],
)
def test_a_kernel_off_by_one_is_detected(file, right, wrong, tmp_path):
    models, inputs, expected = cases(seed=9, count=40)
    kernels = networks.kernels_with(tmp_path, file, right, wrong)
    outputs = networks.run_on_host(models, inputs, tmp_path, kernels=kernels)
    assert sum(differing(outputs, expected)) > 0


@needs_emulator
@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("paired_dense_dsp.cpp", "sxtab16 lr, r8, lr", "sxtab16 lr, r9, lr"),
        ("paired_dense_dsp.h", "and lr, lr, r5, asr #31", "and lr, lr, r4, asr #31"),
        ("paired_dense.cpp", "smlad %[sum], r5, r6", "smlad %[sum], r5, r5"),
    ],
)
def test_wrong_assembly_is_detected(file, right, wrong, tmp_path):
    models, inputs, expected = cases(seed=4, count=EMULATED_NETWORKS)
    kernels = networks.kernels_with(tmp_path, file, right, wrong)
    outputs = networks.run_emulated(models, inputs, tmp_path, kernels=kernels)
    assert sum(differing(outputs, expected)) > 0


def test_every_shift_of_a_multiplier(tmp_path):
    models, inputs, expected = shifted_cases()
    outputs = networks.run_on_host(models, inputs, tmp_path)
    assert differing(outputs, expected) == [0] * len(models)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("<< left", "<< (left & 7)"),
        ("(below & 1)", "(below & 0)"),  # without rounding: one too low at times
        ("value > high ? high", "value > 127 ? 127"),
    ],
)
def test_a_requantization_off_by_one_is_detected(right, wrong, tmp_path):
    models, inputs, expected = shifted_cases()
    kernels = networks.kernels_with(tmp_path, "requantize.h", right, wrong)
    outputs = networks.run_on_host(
        models, inputs, tmp_path, ("-O0", "-Wno-unused"), kernels=kernels
    )
    assert sum(differing(outputs, expected)) > 0


@functools.cache
def shifted_cases():
    """One layer per shift of a multiplier."""
    rng = np.random.default_rng(11)
    models = [networks.shifted_network(rng, shift) for shift in range(-31, 31)]
    shifts = []
    for data in models:
        model = read_model(data)
        shifts += read_dense(Planner(model, "m"), model.operators[0]).multipliers
    assert [by.shift for by in shifts] == list(range(-31, 31))
    inputs = [networks.random_inputs(rng, WINDOWS, read_model(m).input.size) for m in models]
    return models, inputs, [Interpreter(m).run(x) for m, x in zip(models, inputs, strict=True)]


@pytest.mark.parametrize(
    ("bias", "zero"), [(2**31 - 1, 127), (2**31 - 200, 127), (-(2**31) + 1, -128)]
)
def test_a_zero_point_on_top_of_the_largest_sum(bias, zero, tmp_path):
    """A multiplier of 2^31 - 1 leaves the sum unchanged, and adding the zero point wraps."""
    builder = ModelBuilder()
    step = 362 * 2.0**-24
    source = builder.tensor((1, 8), 1 - step, 0)
    target = dense(
        builder, source, np.zeros((8, 8), np.int8), np.full(8, bias), source_scale=1 - step,
        weight_scale=1 + step, target_scale=1.0, target_zero_point=zero,
    )  # fmt: skip
    model = builder.finish(source, target)
    graph = read_model(model)
    layer = read_dense(Planner(graph, "m"), graph.operators[0])
    assert layer.multipliers == (Multiplier(2**31 - 1, 0),)
    inputs = networks.random_inputs(np.random.default_rng(0), WINDOWS, 8)
    flags = ("-fsanitize=undefined", "-fno-sanitize-recover=all")
    outputs = networks.run_on_host([model], [inputs], tmp_path, flags)
    assert (outputs[0] == Interpreter(model).run(inputs)).all()


@needs_emulator
@pytest.mark.toolchain
@pytest.mark.parametrize(
    ("flags", "dropped", "least_forms"),
    [(emulator.FAST, paired_dense.DROPPED, 16), (emulator.NANO, 1, 32)],
    ids=["O2-hard", "nano"],
)
def test_every_form_of_the_assembly(flags, dropped, least_forms, tmp_path, monkeypatch):
    """All 16 forms of the paired kernel, and the plain kernel at every shift.

    If no bits of the multipliers may be dropped, the layers need more than one shift.
    """
    monkeypatch.setattr(paired_dense, "DROPPED", dropped)
    rng = np.random.default_rng(12)
    models = [
        networks.form_network(rng, shift, sign=sign, per_channel=per_channel, to_bytes=to_bytes)
        for shift in ("none", "left", "right", "after")
        for sign, per_channel, to_bytes in itertools.product((False, True), repeat=3)
    ]
    inputs = [networks.random_inputs(rng, WINDOWS, read_model(m).input.size) for m in models]
    expected = [Interpreter(model).run(x) for model, x in zip(models, inputs, strict=True)]
    plain = shifted_cases()
    outputs = networks.run_emulated(models + plain[0], inputs + plain[1], tmp_path, flags)
    assert sum(differing(outputs, expected + plain[2])) == 0
    text = "".join(path.read_text() for path in tmp_path.glob("nets*.cpp"))
    forms = set(re.findall(r"Form \w+ = \{(-?\d+), ([\w, ]+), kLoops\}", text))
    assert len({flags_of for _, flags_of in forms}) == 16, forms
    assert len(forms) >= least_forms, forms


@pytest.mark.parametrize("name", ["LOGISTIC", "TANH"])
@pytest.mark.parametrize("scale", [0.001, 0.0235, 0.1, 0.5, 3.0])
def test_tables_for_all_256_inputs(name, scale, tmp_path):
    builder = ModelBuilder()
    source = builder.tensor((1, 256), scale, 7)
    target_scale, zero = (1 / 256, -128) if name == "LOGISTIC" else (1 / 128, 0)
    model = builder.finish(source, unary(builder, name, source, (1, 256), target_scale, zero))
    ramp = np.arange(-128, 128, dtype=np.int8)[None]
    assert (engine_of(model, tmp_path).run(ramp) == Interpreter(model).run(ramp)).all()


@pytest.mark.data
def test_mlperf_tiny_anomaly_detection(tmp_path):
    mlperf_tiny = Path(os.environ.get("VIGIL_DATA", "")) / "mlperf_tiny"
    if not mlperf_tiny.is_dir():
        pytest.skip("set VIGIL_DATA to a folder that holds mlperf_tiny/")
    model = (mlperf_tiny / "ad01_int8.tflite").read_bytes()
    windows = np.fromfile(mlperf_tiny / "normal_id_01_windows.bin", "<f4").reshape(-1, 640)
    source = read_model(model).input
    steps = np.round(windows / float(source.scale)) + source.zero_point
    inputs = np.clip(steps, -128, 127).astype(np.int8)
    inputs = np.concatenate([inputs, networks.random_inputs(np.random.default_rng(6), 100, 640)])
    assert (engine_of(model, tmp_path).run(inputs) == Interpreter(model).run(inputs)).all()


def test_same_model_same_source():
    model = networks.random_network(np.random.default_rng(8))
    texts = [compile_model(read_model(model), "title", "model") for _ in range(2)]
    assert texts[0] == texts[1]


def test_only_the_kernels_in_use_are_included():
    source = compile_model(read_model(small_model()), "title", "model")["compiled_model.cpp"]
    assert '#include "paired_dense.h"' in source
    assert '#include "dense.h"' not in source and '#include "lookup_table.h"' not in source


def test_layer_table():
    source = compile_model(read_model(small_model()), "small", "model")["compiled_model.cpp"]
    table = [line.split() for line in source.splitlines() if line.startswith("// ")]
    assert table[1] == ["//", "small"]
    row = next(line for line in table if "FULLY_CONNECTED" in line)
    assert row[3:] == [*["8", "->", "16,", "RELU", "128", "0.05", "paired_dense"], *row[10:]]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("DEQUANTIZE", "is not in the compiled engine; build with the tflm engine if it runs"),
        ("NEG", "is in neither engine; use"),
        ("LOGISTIC", ": the TensorFlow Lite Micro interpreter refuses it with an output scale of"),
    ],
)
def test_an_operator_that_the_engine_lacks_is_refused(name, message):
    builder = ModelBuilder()
    source = builder.tensor((1, 4), 0.1)
    target = unary(builder, name, source, (1, 4), 0.1, 0)
    model = read_model(builder.finish(source, target), "m.tflite")
    with pytest.raises(ConvertError) as refusal:
        compile_model(model, "title", "m.tflite")
    assert re.match(rf"m\.tflite: operator 0 \({name}\) ?{message}", str(refusal.value))


def test_the_sanitizers_detect_a_read_outside_the_input(tmp_path):
    models, inputs, _ = cases(seed=3, count=5)
    right, wrong = "load_four(values), to,", "load_four(values + (1 << 24)), to,"
    kernels = networks.kernels_with(tmp_path, "paired_dense.cpp", right, wrong)
    with pytest.raises(subprocess.CalledProcessError):
        networks.run_on_host(models, inputs, tmp_path, ("-fsanitize=address",), kernels=kernels)


def small_model():
    builder = ModelBuilder()
    source = builder.tensor((1, 8), 0.1, 3)
    weights = np.arange(128).reshape(16, 8).astype(np.int8)
    target = dense(
        builder, source, weights, np.arange(16), source_scale=0.1, weight_scale=0.01,
        target_scale=0.05, target_zero_point=-128, activation=Activation.RELU,
    )  # fmt: skip
    return builder.finish(source, target)


def engine_of(model, folder):
    for name, text in compile_model(read_model(model), "test", "test").items():
        (folder / name).write_text(text)
    return HostEngine(folder)
