"""Measures each engine on a model: instructions and cycles by layer, bytes and stack, all emulated.

For each engine an image is linked and called in the Unicorn engine, window by window. Each output
must equal the TensorFlow Lite Micro interpreter's. The instructions are counted from the trace.
"""

from __future__ import annotations

import re
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.boards.build import build, has_tflm_library
from tools.convert import convert
from tools.convert.compiled import compile_model
from tools.convert.graph import Model
from tools.convert.model import read_model
from tools.convert.plan import make_plan
from tools.measure import budget
from tools.measure.bench import emulator, image, recorded, reference
from tools.measure.bench.cases import Case
from tools.measure.bench.row import Layer, Row
from tools.measure.budget.image import read_image
from tools.measure.budget.parts import part_of
from tools.measure.estimate import Code, Counts, Machine, Trace, run_inferences
from training.bundle.errors import EstimateError
from training.bundle.interpreter import open_interpreter

FLAGS = {"-O2": emulator.FAST, "-Os": emulator.NANO}
"""Compiler flags of the compiled engine: hard float for speed; Arduino's flags for the Nano."""
TFLM = {"-O2": "emulated_tflm_o2", "-Os": "emulated_tflm"}
"""PlatformIO's environments for TensorFlow Lite Micro by flags, both with the Nano's float ABI."""

_BOARD = budget.Limits("emulated", flash_bytes=4 << 20, sram_bytes=4 << 20)
_FACTS = "_ZN5vigil6engine5factsEv"
_INFER = "void infer(const std::int8_t* input, std::int8_t* output) {"
Say = Callable[[str], None]


def measure_compiled(case: Case, say: Say) -> Iterator[Row]:
    """Measure the compiled engine on `case` with each set of flags."""
    for flags in FLAGS:
        say(f"{case.key}: compiled engine, {flags}")
        yield compiled(case, flags)


def measure(case: Case, keep: Path, say: Say) -> Iterator[Row]:
    """Measure every engine on `case`, the compiled one first; `keep` holds objects between runs."""
    yield from measure_compiled(case, say)
    if case.tflm is None:
        return
    for flags, env in TFLM.items():
        if has_tflm_library(env):
            say(f"{case.key}: TensorFlow Lite Micro, {flags}, built by PlatformIO (slow at first)")
            yield _tflm(case.key, case.tflm, case.inputs, keep, flags, env)
        else:
            say(
                f"{case.key}: TensorFlow Lite Micro, {flags}: skipped, its library is not installed"
            )
    yield from recorded.rows(case.key, read_model(case.model).macs())


def compiled(case: Case, flags: str, *, plain: bool = False) -> Row:
    """Measure the compiled engine on `case`, built with `flags` (a key of FLAGS).

    `plain` builds it without the paired kernels.
    """
    model = read_model(case.model)
    plan = make_plan(model, case.key, plain=plain, windows=case.normal)
    sources = image.own_sources("compiled")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        images = {}
        for marked in (False, True):
            generated = folder / ("marked" if marked else "whole") / "generated"
            generated.mkdir(parents=True)
            files = compile_model(model, "bench", "bench", plain=plain, windows=case.normal)
            for name, text in files.items():
                (generated / name).write_text(_marked(text) if marked else text)
            every = {**sources, "generated/compiled_model.cpp": generated / "compiled_model.cpp"}
            images[marked] = image.link(
                every,
                [generated, *image.includes("compiled")],
                generated.parent / "firmware.elf",
                FLAGS[flags],
            )
        total, _ = _count(images[False], case.model, case.inputs)
        reports = [step.report for step in plan.steps]
        names = [f"{r.operator.replace('-', 'widen')} {r.shape}".strip() for r in reports]
        macs = [report.macs for report in reports]
        _, pieces = _count(images[True], case.model, case.inputs, _at_marks)
        layers = _layers(names, macs, pieces)
        return _row(case.key, "compiled", flags, images[False], total, layers, model)


def _marked(text: str) -> str:
    head, call, body = text.partition(_INFER)
    if not call:
        return text
    body = re.sub(r";\n", ";\n    bench_mark();\n", body)
    return "void bench_mark();\n" + head + call + "\n    bench_mark();" + body


def _tflm(key: str, data: bytes, inputs: NDArray[np.int8], keep: Path, flags: str, env: str) -> Row:
    model = read_model(data)
    generated = keep / "generated"
    convert(reference.wrap(keep / f"{key}_tflm", data).path, generated, engines=["tflm"])
    elf = build(env, generated, keep).elf
    total, pieces = _count(elf, data, inputs, _at_operators)
    shapes = [f"{op.name} {_shape(model, op.index)}" for op in model.operators]
    layers = _layers(shapes, [op.macs for op in model.operators], pieces)
    return _row(key, recorded.CMSIS, flags, elf, total, layers, model)


Cut = Callable[[Machine, Trace], list[NDArray[np.uint32]]]


def _count(
    elf: Path, model: bytes, inputs: NDArray[np.int8], cut: Cut | None = None
) -> tuple[Counts, list[Counts]]:
    """Return the mean counts of an inference, and of each piece that `cut` returns."""
    code = Code(elf)
    whole: list[Counts] = []
    pieces: list[list[Counts]] = []
    for machine, trace in run_inferences(elf, inputs, open_interpreter(model).run(inputs)):
        whole.append(code.count(trace))
        if cut is not None:
            pieces.append([code.count_addresses(piece) for piece in cut(machine, trace)])
    return Counts.mean(whole), [Counts.mean(each) for each in zip(*pieces, strict=True)]


def _at_marks(machine: Machine, trace: Trace) -> list[NDArray[np.uint32]]:
    """Cut a trace between calls of bench_mark(), without the calls themselves."""
    name = machine.find("_Z10bench_mark")
    first = machine.symbols[name] & ~1
    inside = (trace.addresses >= first) & (trace.addresses < first + machine.sizes[name])
    entries = np.flatnonzero(inside[1:] & ~inside[:-1]) + 1
    exits = np.flatnonzero(~inside[1:] & inside[:-1]) + 1
    # The last call may be a jump; no step follows it.
    return [
        trace.addresses[leave : enter - 1] for leave, enter in zip(exits, entries[1:], strict=False)
    ]


def _at_operators(machine: Machine, trace: Trace) -> list[NDArray[np.uint32]]:
    """Cut a trace at each operator's entry; the interpreter's work counts to the layer before."""
    starts = {at for at, name in machine.functions if re.search(r"Eval\w*EP13TfLiteContext", name)}
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
        raise EstimateError(f"the trace has {len(pieces)} steps, the model {len(names)}")
    return tuple(
        Layer(name, count, piece.instructions, piece.cycles)
        for name, count, piece in zip(names, macs, pieces, strict=True)
    )


def _row(
    case: str,
    engine: str,
    flags: str,
    elf: Path,
    total: Counts,
    layers: tuple[Layer, ...],
    model: Model,
) -> Row:
    sizes = budget.measure(elf, _BOARD)
    own, arena = sizes.sram.part("engine"), sizes.sram.part("arena")
    code, tables = _code_and_tables(elf)
    weights = sum(t.size for t in model.tensors if t.data is not None and t.dtype == "int8")
    return Row(
        case=case,
        engine=engine,
        flags=flags,
        macs=model.macs(),
        instructions=total.instructions,
        cycles=total.cycles,
        layers=layers,
        code=code,
        tables=tables,
        weights=sizes.flash.part("model"),
        bytes_per_weight=sizes.flash.part("model") / weights if weights else None,
        ram=own + _arena_used(elf, arena),
        ram_reserved=own + arena,
        stack=total.stack,
        classes=total.classes,
    )


def _code_and_tables(elf: Path) -> tuple[int, int]:
    """Return the engine's bytes in flash: code, and constants beside the weights."""
    linked = read_image(elf, elf.with_suffix(".map"))
    sizes = [0, 0]
    for piece in linked.pieces:
        if piece.section.in_flash and part_of(piece, linked.mapped) == "engine":
            sizes[not piece.input_section.startswith(".text")] += piece.size
    return sizes[0], sizes[1]


def _arena_used(elf: Path, arena: int) -> int:
    """Return the bytes that the engine reports as used; all of `arena` if it reports nothing."""
    machine = Machine(elf)
    if _FACTS not in machine.symbols:
        return arena
    machine.call(machine.find("_ZN5vigil6engine5begin"))
    at = machine.put(bytes(16))
    machine.call(_FACTS, at)  # struct Facts of engine.h, 16 bytes on the board
    return int(struct.unpack("<4I", machine.get(at, 16))[3])


def _shape(model: Model, index: int) -> str:
    operator = model.operators[index]
    source, target = model.tensors[operator.inputs[0]], model.tensors[operator.outputs[0]]
    return f"{source.size} -> {target.size}"
