"""Random dense networks, and programs that run many compiled models, on the host or emulated."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from tests.support.build_cache import compile_objects, link
from tools.checkout import LIBRARIES
from tools.convert.compiled import compile_model
from tools.convert.model import read_model
from tools.measure.bench import emulator
from tools.measure.bench.models import Activation, ModelBuilder, dense, unary
from tools.measure.estimate import Machine

RUNNER = Path(__file__).resolve().parent / "cpp" / "networks_runner.cpp"
KERNELS = LIBRARIES / "engine_compiled"

PER_UNIT = 25  # models in one translation unit


def random_network(rng: np.random.Generator) -> bytes:
    """A dense network of 1 to 4 layers: any sizes, scales, zero points and activations."""
    builder = ModelBuilder()
    width = _width(rng)
    scale, zero = _scale(rng), int(rng.integers(-128, 128))
    source = value = builder.tensor((1, width), scale, zero)
    for _ in range(int(rng.integers(1, 5))):
        outputs = _width(rng)
        per_channel = bool(rng.integers(2))
        weights = _weights(rng, outputs, width)
        weight_scale = 10 ** rng.uniform(-4, -1, outputs if per_channel else 1)
        if rng.integers(2):  # converters' scales are closer together
            weight_scale = weight_scale[:1] * rng.uniform(0.25, 1, len(weight_scale))
        spread = 60 * np.sqrt(width) * 70 * scale * float(np.mean(weight_scale))
        # Most outputs use the range; some saturate, some hardly move.
        target_scale = np.float32(spread / 100 * 10 ** rng.choice([0, 0, 0, -1, 1, -2.5, 2]))
        target_scale = max(target_scale, np.float32(1e-7))  # 6 / scale must fit 32 bits
        activation = int(rng.choice([Activation.NONE, Activation.RELU, Activation.RELU6]))
        clipped = activation != Activation.NONE and rng.integers(8)
        target_zero = -128 if clipped else int(rng.integers(-128, 128))
        bias = None if not rng.integers(6) else rng.integers(-9000, 9000, outputs)
        value = dense(
            builder,
            value,
            weights,
            bias,
            source_scale=scale,
            weight_scale=[float(np.float32(s)) for s in weight_scale],
            target_scale=float(target_scale),
            target_zero_point=target_zero,
            activation=activation,
        )
        width, scale, zero = outputs, float(target_scale), target_zero
        if not rng.integers(5):
            if rng.integers(2):
                value = unary(builder, "LOGISTIC", value, (1, width), 1 / 256, -128)
                scale, zero = 1 / 256, -128
            else:
                value = unary(builder, "TANH", value, (1, width), 1 / 128, 0)
                scale, zero = 1 / 128, 0
    return builder.finish(source, value)


def shifted_network(rng: np.random.Generator, shift: int) -> bytes:
    """A layer whose multiplier has this shift, -31 to 30, and whose outputs vary."""
    builder = ModelBuilder()
    inputs, outputs = int(rng.integers(1, 9)), int(rng.integers(1, 9))
    source = builder.tensor((1, inputs), 1.0, int(rng.integers(-3, 4)))
    # Sums of about 2^(4 - shift), or of a step or two if that is less.
    least = max(4 - shift, 1)
    weights = rng.integers(-2, 3, (outputs, inputs)) * (rng.random((outputs, inputs)) < 0.5)
    bias = rng.integers(-(2**least), 2**least, outputs)
    target = dense(
        builder,
        source,
        weights.astype(np.int8),
        np.clip(bias, -(2**31) + 10**5, 2**31 - 10**5),
        source_scale=1.0,
        weight_scale=[float(np.float32(rng.uniform(0.51, 0.99)))],
        target_scale=2.0**-shift,
        target_zero_point=int(rng.integers(-128, 128)),
        activation=Activation.NONE if shift > 20 else int(rng.choice([0, Activation.RELU_N1_TO_1])),
    )
    return builder.finish(source, target)


def form_network(
    rng: np.random.Generator, shift: str, *, sign: bool, per_channel: bool, to_bytes: bool
) -> bytes:
    """A network for which the converter should choose one form of the paired kernel."""
    builder = ModelBuilder()
    widths = [int(rng.integers(15, 40)), 4 * int(rng.integers(1, 8))]
    widths += [] if to_bytes else [int(rng.integers(4, 12))]
    scale = 0.05
    source = value = builder.tensor((1, widths[0]), scale, int(rng.integers(-128, 128)))
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        # The shift after which 65536 in 256 * sum is an output step is 9 + the multiplier's.
        exponent = {"left": -4, "none": -9, "right": -12, "after": -3}[shift] if i == 0 else -6
        weights = np.clip(np.round(rng.normal(0, 40, (outputs, inputs))), -127, 127)
        if shift == "after" and i == 0:  # sums too large for a shift, outputs within 16 bits
            weights = rng.choice([-1, 1], (outputs, inputs)) * (1536 // inputs)
        factors = np.full(outputs if per_channel else 1, 0.75) * 2.0**exponent
        factors[1:] *= rng.uniform(0.7, 1, len(factors) - 1)
        target_scale = 0.25
        value = dense(
            builder,
            value,
            weights.astype(np.int8),
            rng.integers(-200, 200, outputs),
            source_scale=scale,
            weight_scale=[float(np.float32(f * target_scale / scale)) for f in factors],
            target_scale=target_scale,
            target_zero_point=int(rng.integers(-20, 20)) if sign else -128,
            activation=Activation.NONE if sign else Activation.RELU,
        )
        scale = target_scale
    return builder.finish(source, value)


def paired_network(rng: np.random.Generator, widths: Sequence[int]) -> bytes:
    """A dense network of these widths, for the paired kernel."""
    builder = ModelBuilder()
    scale = 0.02
    source = value = builder.tensor((1, widths[0]), scale, -3)
    for inputs, outputs in pairwise(widths):
        weights = rng.integers(-127, 128, (outputs, inputs))
        target_scale = float(np.float32(scale * 0.2031 * np.sqrt(inputs)))
        value = dense(
            builder,
            value,
            weights.astype(np.int8),
            rng.integers(-2000, 2000, outputs),
            source_scale=scale,
            weight_scale=[0.01],
            target_scale=target_scale,
            target_zero_point=-128,
            activation=Activation.RELU,
        )
        scale = target_scale
    return builder.finish(source, value)


def silent_network(
    rng: np.random.Generator,
    widths: Sequence[int],
    silent: int,
    *,
    sign: bool = False,
    per_channel: bool = False,
) -> bytes:
    """A dense network of which `silent` units of each hidden layer are 0 in normal windows.

    silent_inputs() has windows for it. In hidden layers of 8 units or fewer, none is silent. The
    last layer has int8 outputs; with `sign` it is without ReLU.
    """
    builder = ModelBuilder()
    scale = 0.02
    source = value = builder.tensor((1, widths[0]), scale, -128)
    for i, (inputs, outputs) in enumerate(pairwise(widths)):
        last = i == len(widths) - 2
        weights = rng.integers(-127, 128, (outputs, inputs))
        bias = rng.integers(-2000, 2000, outputs)
        if not last and outputs > 8:
            # Each silent unit follows one of the switches, the first eight inputs. Deeper ones
            # follow silent units, which stand at the same places in every layer.
            places = _silent_places(outputs, silent)
            follow = np.arange(SWITCHES) if i == 0 else _silent_places(inputs, silent)
            weights[places] = 0
            weights[places, rng.choice(follow, silent)] = 127
            bias[places] = -127
        target_scale = float(np.float32(scale * 0.2031 * np.sqrt(inputs)))
        factors = rng.uniform(0.7, 1, outputs if per_channel else 1)
        value = dense(
            builder,
            value,
            weights.astype(np.int8),
            bias,
            source_scale=scale,
            weight_scale=[float(np.float32(0.01 * f)) for f in factors],
            target_scale=target_scale,
            target_zero_point=int(rng.integers(-20, 20)) if last and sign else -128,
            activation=Activation.NONE if last and sign else Activation.RELU,
        )
        scale = target_scale
    return builder.finish(source, value)


SWITCHES = 8
"""Inputs of silent_network() that are at their least in a normal window."""


def _silent_places(units: int, silent: int) -> np.ndarray:
    """Where the silent units stand: spread evenly."""
    return np.linspace(0, units - 1, silent).round().astype(int)


def silent_inputs(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """int8 [count, size]: normal windows of silent_network()."""
    inputs = rng.integers(-128, 128, (count, size))
    inputs[:, :SWITCHES] = -128
    return inputs.astype(np.int8)


def random_inputs(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """int8 [count, size]: noise, constants, and both extremes, alternating or at random."""
    inputs = rng.integers(-128, 128, (count, size))
    inputs[0], inputs[1], inputs[2] = -128, 127, 0
    inputs[3] = np.where(np.arange(size) % 2, 127, -128)
    inputs[4:12] = rng.choice([-128, 127], inputs[4:12].shape)
    return inputs.astype(np.int8)


def write_sources(
    models: Sequence[bytes],
    folder: Path,
    *,
    plain: Sequence[int] = (),
    normal: Sequence[np.ndarray] | None = None,
) -> list[Path]:
    """Write C++ for all models, each in its own namespace, and the table for the runner.

    Models whose number is in `plain` use the plain kernels only. `normal` has windows of each
    model, by which its layers may skip hidden units.
    """
    units: list[list[str]] = [[] for _ in range(-(-len(models) // PER_UNIT))]
    declared = []
    for i, data in enumerate(models):
        model = read_model(data, f"net{i}")
        windows = None if normal is None else normal[i]
        texts = compile_model(model, f"network {i}", f"net{i}", plain=i in plain, windows=windows)
        for name in ("compiled_model.h", "compiled_model.cpp"):
            text = texts[name].replace("model::compiled", f"model::net{i}")
            text = text.replace("#pragma once\n", "").replace('#include "compiled_model.h"\n', "")
            units[i // PER_UNIT].append(text)
        declared.append((i, model.input.size, model.output.size))
    paths = []
    for number, texts_of_unit in enumerate(units):
        path = folder / f"nets{number}.cpp"
        path.write_text("\n".join(texts_of_unit))
        paths.append(path)
    table = folder / "table.cpp"
    table.write_text(
        '#include "networks_runner.h"\n'
        + "".join(
            f"namespace vigil::model::net{i} {{ void infer(const std::int8_t*, std::int8_t*); }}\n"
            for i, _, _ in declared
        )
        + "const Network kNetworks[] = {\n"
        + "".join(f"    {{vigil::model::net{i}::infer, {a}, {b}}},\n" for i, a, b in declared)
        + f"}};\nconst std::uint32_t kNetworkCount = {len(declared)};\n"
    )
    return [*paths, table, RUNNER]


def run_on_host(
    models: Sequence[bytes],
    inputs: Sequence[np.ndarray],
    folder: Path,
    flags: Sequence[str] = ("-O1",),
    plain: Sequence[int] = (),
    kernels: Path = KERNELS,
    normal: Sequence[np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Each model's outputs for its inputs, from the generated C++ on this machine.

    Raises:
        CalledProcessError: the sources do not compile, or the program fails.
    """
    compiler = ("g++", "-std=c++17", "-Wall", "-Wextra", "-Werror", *flags)
    sources = [*write_sources(models, folder, plain=plain, normal=normal)]
    sources += kernel_sources(kernels)
    program = link(
        compiler, compile_objects(compiler, sources, [kernels, RUNNER.parent]), "networks"
    )
    put_inputs(inputs, folder)
    subprocess.run([str(program)], cwd=folder, check=True, capture_output=True, text=True)
    return get_outputs(models, inputs, folder)


def run_emulated(
    models: Sequence[bytes],
    inputs: Sequence[np.ndarray],
    folder: Path,
    flags: Sequence[str] | None = None,
    kernels: Path = KERNELS,
    core: emulator.Core = emulator.M4,
    plain: Sequence[int] = (),
    normal: Sequence[np.ndarray] | None = None,
) -> list[np.ndarray]:
    """Each model's outputs for its inputs, from the generated C++ on an emulated core."""
    flags = core.flags if flags is None else flags
    compiler = (*core.compiler, *flags, f"-I{emulator.BARE}")
    sources = [*write_sources(models, folder, plain=plain, normal=normal)]
    sources += kernel_sources(kernels)
    objects = compile_objects(compiler, sources, [kernels, RUNNER.parent])
    elf = emulator.build(objects, [], folder / "networks.elf", flags, core)
    put_inputs(inputs, folder)
    emulator.run(elf, folder, core=core)
    return get_outputs(models, inputs, folder)


def count_emulated(
    models: Sequence[bytes],
    folder: Path,
    windows: int = 3,
    normal: Sequence[np.ndarray] | None = None,
    inputs: Sequence[np.ndarray] | None = None,
) -> list[float]:
    """Mean instructions of each model's infer(), built as on the Nano.

    Args:
        windows: number of random windows, if there are no others.
        normal: windows of each model, by which its layers may skip hidden units.
        inputs: windows of each model to run, by default `normal`.
    """
    compiler = (*emulator.COMPILER, *emulator.NANO, f"-I{emulator.BARE}")
    sources = [*write_sources(models, folder, normal=normal), *kernel_sources(KERNELS)]
    objects = compile_objects(compiler, sources, [KERNELS, RUNNER.parent])
    machine = Machine(emulator.build(objects, [], folder / "networks.elf", emulator.NANO))
    rng, counts = np.random.default_rng(1), []
    for i, data in enumerate(models):
        model, name = read_model(data), f"net{i}"
        infer = machine.find(f"_ZN5vigil5model{len(name)}{name}5infer")
        given = inputs or normal
        random = rng.integers(-128, 128, (windows, model.input.size)).astype(np.int8)
        traces = []
        for window in random if given is None else given[i]:
            at, to = machine.put(window.tobytes()), machine.put(bytes(model.output.size))
            traces.append(len(machine.trace(infer, at, to).addresses))
        counts.append(float(np.mean(traces)))
    return counts


def kernel_sources(kernels: Path) -> list[Path]:
    """The kernels' sources, without engine.cpp."""
    return [path for path in sorted(kernels.glob("*.cpp")) if path.name != "engine.cpp"]


def kernels_with(folder: Path, file: str, right: str, wrong: str) -> Path:
    """A copy of the kernels in which `wrong` replaces the first `right` in `file`."""
    copy = folder / "kernels"
    shutil.copytree(KERNELS, copy)
    text = (copy / file).read_text()
    assert right in text
    (copy / file).write_text(text.replace(right, wrong, 1))
    return copy


def put_inputs(inputs: Sequence[np.ndarray], folder: Path) -> None:
    """Write inputs.bin: per network a 32-bit count of windows, then the windows."""
    with (folder / "inputs.bin").open("wb") as file:
        for windows in inputs:
            file.write(np.uint32(len(windows)).tobytes() + windows.tobytes())


def get_outputs(
    models: Sequence[bytes], inputs: Sequence[np.ndarray], folder: Path
) -> list[np.ndarray]:
    """Read outputs.bin: every network's outputs, one after the other."""
    data = np.fromfile(folder / "outputs.bin", np.int8)
    outputs, at = [], 0
    for model, windows in zip(models, inputs, strict=True):
        size = read_model(model).output.size
        end = at + len(windows) * size
        outputs.append(data[at:end].reshape(len(windows), size))
        at = end
    assert at == len(data)
    return outputs


def _width(rng: np.random.Generator) -> int:
    """A width of 1 to 700; small ones are more frequent."""
    return int(
        rng.choice([rng.integers(1, 12), rng.integers(1, 40), rng.integers(1, 130)])
        if rng.random() < 0.97
        else rng.integers(130, 701)
    )


def _scale(rng: np.random.Generator) -> float:
    return float(np.float32(10 ** rng.uniform(-3, 1)))


def _weights(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    kind = rng.integers(5)
    if kind == 0:  # every weight extreme
        return rng.choice([-127, 127], (rows, columns)).astype(np.int8)
    if kind == 1:  # sparse
        keep = rng.random((rows, columns)) < 0.1
        return (rng.integers(-127, 128, (rows, columns)) * keep).astype(np.int8)
    low = -128 if kind == 2 and not rng.integers(4) else -127
    if kind == 3:  # bell-shaped, like trained weights
        return np.clip(np.round(rng.normal(0, 25, (rows, columns))), -127, 127).astype(np.int8)
    return rng.integers(low, 128, (rows, columns)).astype(np.int8)
