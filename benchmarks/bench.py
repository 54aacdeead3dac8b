"""Every engine on every model: instructions and cycles by layer, bytes, stack. All emulated.

    .venv/bin/vigil bench

An image is linked for each engine and called in the Unicorn engine, window by window; each output
must equal the TensorFlow Lite Micro interpreter's. Instructions are counted from that trace.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks import emulator, image, recorded, reference
from tools import budget
from tools.boards.build import build, has_tflm_library
from tools.convert import convert
from tools.convert.compiled import compile_model
from tools.convert.model import Model, read_model
from tools.convert.plan import make_plan
from tools.estimate.cycles import Code, Counts
from tools.estimate.machine import Machine, Trace
from training.errors import EstimateError
from training.oracle import Oracle
from training.scales import agree_on_factors

WINDOWS = 3
FLAGS = {"-O2": emulator.FAST, "-Os": emulator.NANO}
"""Hard float for speed; what Arduino builds the Nano 33 BLE with."""
TFLM = {"-O2": "emulated_tflm_o2", "-Os": "emulated_tflm"}
"""PlatformIO's environments for TensorFlow Lite Micro, by flags; both with the Nano's float ABI."""

_BOARD = budget.Limits("emulated", flash_bytes=4 << 20, sram_bytes=4 << 20)
_BEGIN, _RUN = "_ZN5vigil6engine5begin", "_ZN5vigil6engine3run"
_INFER = "void infer(const std::int8_t* input, std::int8_t* output) {"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Case:
    """A model and windows to run through it."""

    key: str  # "ecg", "ad01"
    title: str
    model: bytes
    inputs: NDArray[np.int8]  # [n, input size]
    bundle: Path | None = None  # where the model came from one


@dataclass(frozen=True)
class Layer:
    """One step of an inference."""

    name: str
    macs: int
    instructions: float
    cycles: float


@dataclass(frozen=True)
class Row:
    """One engine on one model. Bytes are None where a figure was recorded without them."""

    case: str
    engine: str
    flags: str
    macs: int
    instructions: float
    cycles: float | None
    layers: tuple[Layer, ...] = ()
    code: int | None = None  # code and tables of the engine, beside the weights
    weights: int | None = None  # of TensorFlow Lite Micro, the flatbuffer
    ram: int | None = None  # arena and the engine's own variables
    stack: int | None = None
    recorded: str = ""  # with which versions, where it was not measured now
    classes: dict[str, float] | None = None


def cases(build: Path, data: Path | None) -> list[Case]:
    """ECG from its bundle; ad01 where `data` holds it. Raises EstimateError without the bundle."""
    bundle = build / "ecg5000"
    if not (bundle / "model.tflite").is_file() or not (bundle / "golden.npz").is_file():
        raise EstimateError(f"no bundle at {bundle}: run `vigil train ecg5000`, then bench again")
    model = (bundle / "model.tflite").read_bytes()
    parsed = read_model(model)
    with np.load(bundle / "golden.npz") as golden:
        inputs = np.asarray(golden["input"], np.int8).reshape(-1, parsed.input.size)
    found = [Case("ecg", "ECG5000, the bundle's own model", model, inputs[:WINDOWS], bundle)]
    folder = data / "mlperf_tiny" if data else None
    if folder and (folder / "ad01_int8.tflite").is_file():
        model = agree_on_factors((folder / "ad01_int8.tflite").read_bytes())
        source = read_model(model).input
        real = np.fromfile(folder / "normal_id_01_windows.bin", np.float32).reshape(-1, source.size)
        scaled = np.rint(real[:WINDOWS] / source.scale) + source.zero_point
        found.append(
            Case("ad01", "MLPerf Tiny ad01", model, np.clip(scaled, -128, 127).astype(np.int8))
        )
    return found


def measure(case: Case, keep: Path, say: Say = print) -> Iterator[Row]:
    """Rows for `case`, the compiled engine's first; `keep` holds archives for the next time."""
    for flags in FLAGS:
        say(f"{case.key}: compiled engine, {flags}")
        yield _compiled(case, flags)
    macs = sum(layer.report.macs for layer in make_plan(read_model(case.model), "").steps)
    measured = {flags: env for flags, env in TFLM.items() if has_tflm_library(env)}
    for flags, env in measured.items():
        say(f"{case.key}: TensorFlow Lite Micro, {flags}, built by PlatformIO (slow at first)")
        bundle = case.bundle or reference.wrap(keep / case.key, case.model).path
        yield _tflm(case, bundle, keep, flags, env)
    for row in recorded.rows(case.key, macs):
        if row.engine != recorded.CMSIS or row.flags not in measured:
            say(f"{case.key}: {row.engine}, {row.flags}: the recorded figure")
            yield row


def _compiled(case: Case, flags: str) -> Row:
    model = read_model(case.model)
    plan = make_plan(model, case.key)
    sources = image.own_sources("compiled")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        images = {}
        for marked in (False, True):
            generated = folder / ("marked" if marked else "whole") / "generated"
            generated.mkdir(parents=True)
            for name, text in compile_model(model, "bench", "bench").items():
                (generated / name).write_text(_marked(text) if marked else text)
            every = {**sources, "generated/compiled_model.cpp": generated / "compiled_model.cpp"}
            images[marked] = image.link(
                every,
                [generated, *image.includes("compiled")],
                generated.parent / "firmware.elf",
                FLAGS[flags],
            )
        total, _ = _count(images[False], case, model)
        names = [f"{s.report.operator} {s.report.shape}".strip() for s in plan.steps]
        macs = [s.report.macs for s in plan.steps]
        _, pieces = _count(images[True], case, model, _at_marks)
        layers = _layers(names, macs, pieces)
        return _row(case, "compiled", flags, images[False], total, layers, sum(macs))


def _marked(text: str) -> str:
    head, found, body = text.partition(
        "void infer(const std::int8_t* input, std::int8_t* output) {"
    )
    if not found:
        return text
    body = re.sub(r";\n", ";\n    bench_mark();\n", body)
    return "void bench_mark();\n" + head + found + "\n    bench_mark();" + body


def _tflm(case: Case, bundle: Path, keep: Path, flags: str, env: str) -> Row:
    """The firmware for the emulated board with the engine `tflm`, called like the others."""
    model = read_model(case.model)
    generated = keep / "generated"
    convert(bundle, generated, engines=["tflm"])
    elf = build(env, generated, keep).elf
    total, pieces = _count(elf, case, model, _at_operators)
    shapes = [f"{op.name} {_shape(model, op.index)}" for op in model.operators]
    macs = [_macs(model, op.index) for op in model.operators]
    layers = _layers(shapes, macs, pieces)
    return _row(case, recorded.CMSIS, flags, elf, total, layers, sum(macs))


Cut = Callable[[Machine, Trace], list[NDArray[np.uint32]]]


def _count(
    elf: Path, case: Case, model: Model, cut: Cut | None = None
) -> tuple[Counts, list[Counts]]:
    """Mean over the case's windows: of an inference, and of each piece that `cut` finds."""
    machine, code = Machine(elf), Code(elf)
    if machine.call(machine.find(_BEGIN)) != 0:
        raise EstimateError(f"{case.key}: the engine did not begin")
    run = machine.find(_RUN)
    expected = Oracle(case.model).run(case.inputs)
    target = machine.put(bytes(model.output.size))
    whole: list[Counts] = []
    pieces: list[list[Counts]] = []
    for row, right in zip(case.inputs, expected, strict=True):
        source = machine.put(row.tobytes())
        trace = machine.trace(run, source, row.size, target, right.size)
        if trace.result != 0 or machine.get(target, right.size) != right.tobytes():
            raise EstimateError(f"{case.key}: {elf.name} computes other bytes than the interpreter")
        whole.append(code.count(trace))
        if cut is not None:
            pieces.append([code.count_addresses(piece) for piece in cut(machine, trace)])
    return Counts.mean(whole), [Counts.mean(each) for each in zip(*pieces, strict=True)]


def _at_marks(machine: Machine, trace: Trace) -> list[NDArray[np.uint32]]:
    """Between calls of bench_mark(), the calls themselves left out."""
    name = machine.find("_Z10bench_mark")
    first = machine.symbols[name] & ~1
    inside = (trace.addresses >= first) & (trace.addresses < first + machine.sizes[name])
    entries = np.flatnonzero(inside[1:] & ~inside[:-1]) + 1
    exits = np.flatnonzero(~inside[1:] & inside[:-1]) + 1
    # The last call of all may be a jump; nothing of interest follows it.
    return [
        trace.addresses[leave : enter - 1] for leave, enter in zip(exits, entries[1:], strict=False)
    ]


def _at_operators(machine: Machine, trace: Trace) -> list[NDArray[np.uint32]]:
    """From each operator's entry to the next one's: the interpreter's share is the layer's."""
    names = [name for name in machine.symbols if re.search(r"Eval\w*EP13TfLiteContext", name)]
    starts = {machine.symbols[name] & ~1 for name in names}
    graph = machine.find("_ZN6tflite10MicroGraph14InvokeSubgraph")
    low = machine.symbols[graph] & ~1
    high = low + machine.sizes[graph]
    at = np.flatnonzero(np.isin(trace.addresses, np.array(sorted(starts), np.uint32)))
    before = trace.addresses[at - 1]
    entries = at[(before >= low) & (before < high)]
    ends = [*entries[1:], len(trace.addresses)]
    return [trace.addresses[a:b] for a, b in zip(entries, ends, strict=True)]


def _layers(names: list[str], macs: list[int], pieces: list[Counts]) -> tuple[Layer, ...]:
    if len(pieces) != len(names):
        raise EstimateError(f"{len(pieces)} steps were traced, not {len(names)}")
    return tuple(
        Layer(name, count, piece.instructions, piece.cycles)
        for name, count, piece in zip(names, macs, pieces, strict=True)
    )


def _row(
    case: Case,
    engine: str,
    flags: str,
    elf: Path,
    total: Counts,
    layers: tuple[Layer, ...],
    macs: int,
) -> Row:
    found = budget.measure(elf, _BOARD)
    return Row(
        case=case.key,
        engine=engine,
        flags=flags,
        macs=macs,
        instructions=total.instructions,
        cycles=total.cycles,
        layers=layers,
        code=found.flash.part("engine"),
        weights=found.flash.part("model"),
        ram=found.sram.part("arena") + found.sram.part("engine"),
        stack=total.stack,
        classes=total.classes,
    )


def _shape(model: Model, index: int) -> str:
    operator = model.operators[index]
    source, target = model.tensors[operator.inputs[0]], model.tensors[operator.outputs[0]]
    return f"{source.size} -> {target.size}"


def _macs(model: Model, index: int) -> int:
    operator = model.operators[index]
    if operator.name != "FULLY_CONNECTED":
        return 0
    return model.tensors[operator.inputs[1]].size
