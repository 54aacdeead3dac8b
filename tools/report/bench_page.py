"""The page docs/bench.md: the measurements of `vigil bench` as tables and a plot."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from tools.measure.bench import cmsis, recorded
from tools.measure.bench.bench import Say, measure, measure_compiled
from tools.measure.bench.cases import Case, case_of, cases
from tools.measure.bench.cores import CoreCount, count_cores
from tools.measure.bench.row import Row
from tools.measure.estimate.cycles import CLASSES
from tools.report.bench_plot import draw
from training.bundle.errors import EstimateError

_METHOD = (
    "## Method",
    "",
    "- The compiled engine is linked with the model for a bare Cortex-M4. TensorFlow Lite Micro, "
    "where it is measured, runs in the firmware that PlatformIO builds. The Unicorn engine (QEMU's "
    "translator as a library) executes the image's own code, window by window, and records the "
    "address of every instruction. Every output byte is compared with the TensorFlow Lite Micro "
    "interpreter's; a difference is an error.",
    "- A layer ends where the generated code goes to the next step, or where the interpreter calls "
    "the next operator. The interpreter's work between two operators counts to the first.",
    "- Cycles are modelled, not measured: ALU and multiply 1; load 2, or 1 after another load or "
    "store; load or store of N registers 1 + N; store 1; divide 12; a taken branch 2 more. The "
    "model has no flash wait states; `vigil estimate` gives an upper limit for them.",
    "- *Code* and *tables* (constants besides the weights) are the engine's. *Weights* include "
    "biases, 4 bytes per output (per channel, also a factor each), so that a weight takes more "
    "than a byte; for TensorFlow Lite Micro they are the flatbuffer. *RAM* is the memory in use: "
    "activations, or the part of the arena that the interpreter reports as used, and the engine's "
    "variables. *Reserved* counts the whole arena, whose size Vigil chooses for TensorFlow Lite "
    "Micro before it runs. *Stack* is the most that a run wrote. The C library is not counted.",
    "- The compiled engine has hard float at `-O2`, and Arduino's flags for the Nano 33 BLE at "
    "`-Os`. TensorFlow Lite Micro has Arduino's flags, with `-O2` in place of `-Os` in one row: "
    "the soft-float calling convention in both.",
    "- An instruction that an IT block skips counts, because it takes its cycle.",
    "- A trained model of the same layers needs some instructions more or less, because its scales "
    "decide its kernels: `vigil bench NAME` prints these tables for it. Where the running board "
    "counts (`vigil budget`, the zoo), the count includes its own reading of the clock.",
)


_CORES_NOTE = (
    "The code for the Cortex-M0 runs on QEMU's Cortex-M3, which has all of its instructions. "
    "Cortex-M4, M7 and M33 have the paired kernel. Cortex-M0 and M3 add up four rows at a time, "
    "Cortex-M55 with vectors of 16 values. RISC-V (RV32IMAC) does as Cortex-M0 and M3 do, in C++. "
    "Their instructions take other numbers of cycles: compare engines on one core, not cores.",
)
CORE_WINDOWS = 4
"""Windows counted on each core: the counts of dense layers hardly depend on the window."""


def write(keep: Path, data: Path | None, docs: Path, say: Say) -> Path:
    """Measure every engine on every model; write bench.md and images/bench.svg into `docs`.

    Args:
        keep: folder for builds that later runs use again.
        data: folder of the data sets, if any.

    Raises:
        EstimateError: a tool, a model or the folder is missing.
    """
    if not docs.is_dir() or not os.access(docs, os.W_OK):
        raise EstimateError(f"{docs}: not a writable folder; choose one with --docs")
    _compiler()
    models = cases(keep, data)
    rows = [row for case in models for row in measure(case, keep, say)]
    on_cores = {}
    for case in models:
        say(f"{case.key}: compiled engine and CMSIS-NN, every core")
        inputs = case.inputs[:CORE_WINDOWS]
        on_cores[case.key] = [*count_cores(case.model, inputs, case.normal)]
    images = docs / "images"
    images.mkdir(exist_ok=True)
    titles = {case.key: case.title for case in models}
    draw(rows, titles, images / "bench.svg")
    path = docs / "bench.md"
    path.write_text(page(models, rows, on_cores), encoding="utf-8")
    return path


def of_one(path: Path, say: Say) -> str:
    """Measure the compiled engine on one bundle or .tflite file; return the tables as text."""
    _compiler()
    case = case_of(path)
    return "\n".join(_section(case, [*measure_compiled(case, say)]))


def page(
    models: Sequence[Case], rows: Sequence[Row], on_cores: Mapping[str, Sequence[CoreCount]]
) -> str:
    """The text of the page."""
    text = [
        "# Bench",
        "",
        "`make bench` wrote this page; do not edit it. All figures are **emulated**: instructions "
        "that a Cortex-M4 executes for one inference, and cycles from a model. Nothing was "
        "measured on hardware.",
        "",
        f"Compiler: {_compiler()}. Unicorn {version('unicorn')}. TensorFlow Lite Micro (TFLM): "
        f"{recorded.LIBRARY}.",
        "",
        "![Instructions per inference, by engine](images/bench.svg)",
        "",
    ]
    for case in models:
        text += _section(case, [row for row in rows if row.case == case.key])
    text += cores_section(models, on_cores)
    return "\n".join([*text, *_METHOD]) + "\n"


def cores_section(models: Sequence[Case], on_cores: Mapping[str, Sequence[CoreCount]]) -> list[str]:
    """The lines of the chapter about other cores; `on_cores` by the model's key."""
    beside = any(count.library is not None for counts in on_cores.values() for count in counts)
    text = [
        "## Other cores",
        "",
        "Instructions of the compiled engine per inference, in all and per multiply-accumulate, "
        "built with `-O2`. Every output byte equals the interpreter's. " + _cmsis_note(beside),
        "",
    ]
    head = ["core", "QEMU's machine"]
    first = on_cores[models[0].key]
    cells = [[_core_name(count.core), f"`{count.machine}`"] for count in first]
    for case in models:
        counts = on_cores[case.key]
        head += [case.title, "per MAC"]
        for row, count in zip(cells, counts, strict=True):
            per_mac = _per_mac(count.instructions, count.macs)
            row += [f"{count.instructions:,.0f}", f"**{per_mac}**" if beside else per_mac]
        if any(count.library is not None for count in counts):
            head.append("library, per MAC")
            for row, count in zip(cells, counts, strict=True):
                row.append("-" if count.library is None else _per_mac(count.library, count.macs))
    return [*text, *_table(head, cells, left=2), "", *_CORES_NOTE, ""]


def _core_name(core: str) -> str:
    return core if core == "RISC-V" else f"Cortex-{core}"


def _cmsis_note(beside: bool) -> str:
    library = cmsis.library() if beside else None
    if library is None:
        return "CMSIS-NN was not available for this table."
    return (
        "The library is CMSIS-NN, for RISC-V the reference kernel of TensorFlow Lite Micro. "
        f"CMSIS-NN (of {cmsis.version(library)}, by its header) is built with the same flags; its "
        "`arm_fully_connected_s8` is called for each layer, without an interpreter. It has no "
        "weights per channel. The variable `VIGIL_CMSIS_NN` names a folder with another version."
    )


def _section(case: Case, rows: Sequence[Row]) -> list[str]:
    about = f"{rows[0].macs:,} multiply-accumulates (MACs). {case.note}".rstrip()
    text = [f"## {case.title}", "", about, "", *_totals(rows), ""]
    sources = sorted({row.recorded for row in rows if row.recorded})
    text += [
        f"¹ Not measured in this run; recorded on a model of these layers: {source}.\n"
        for source in sources
    ]
    text += ["### Layer by layer", "", *_layers([row for row in rows if row.layers]), ""]
    text += ["### Instructions by class", "", *_classes([r for r in rows if r.classes]), ""]
    return text


def _totals(rows: Sequence[Row]) -> list[str]:
    best = rows[0].instructions
    head = ["engine", "flags", "instructions", "per MAC", "relative", "cycles (model)"]
    head += ["per MAC", "code", "tables", "weights", "bytes per weight", "RAM", "reserved", "stack"]
    body = []
    for row in rows:
        mark = "¹" if row.recorded else ""
        cycles = ["-", "-"]
        if row.cycles is not None:
            cycles = [f"{row.cycles:,.0f}", _per_mac(row.cycles, row.macs)]
        body.append(
            [
                _bold(row.engine + mark, row),
                row.flags,
                f"{row.instructions:,.0f}",
                _per_mac(row.instructions, row.macs),
                f"{row.instructions / best:.2f} x",
                *cycles,
                *(_bytes(size) for size in (row.code, row.tables, row.weights)),
                "-" if row.bytes_per_weight is None else f"{row.bytes_per_weight:.3f}",
                *(_bytes(size) for size in (row.ram, row.ram_reserved, row.stack)),
            ]
        )
    return _table(head, body, left=2)


def _layers(rows: Sequence[Row]) -> list[str]:
    """The compiled engine's steps; for dense layers also the instructions of TFLM."""
    ours, others = rows[0], [row for row in rows if row.engine != rows[0].engine]
    head = ["step", "MACs", "instructions", "per MAC", "cycles per MAC"]
    head += [f"{row.engine.removeprefix('TFLM, ')} {row.flags}, per MAC" for row in others]
    dense = [[layer for layer in row.layers if layer.macs] for row in others]
    body, at = [], 0
    for layer in ours.layers:
        cells = [layer.name, f"{layer.macs:,}" if layer.macs else "-"]
        cells += [f"{layer.instructions:,.0f}"]
        if layer.macs:
            cells += [_per_mac(layer.instructions, layer.macs), _per_mac(layer.cycles, layer.macs)]
            cells += [f"{row[at].instructions / row[at].macs:.2f}" for row in dense]
            at += 1
        else:
            cells += ["-"] * (2 + len(others))
        body.append(cells)
    title = f"{ours.engine}, {ours.flags}" + (", beside TFLM." if others else ".")
    return [title, "", *_table(head, body)]


def _classes(rows: Sequence[Row]) -> list[str]:
    used = [name for name in CLASSES if any(row.classes and row.classes[name] for row in rows)]
    body = [
        [f"{row.engine} {row.flags}", *(f"{(row.classes or {})[name]:,.0f}" for name in used)]
        for row in rows
    ]
    return _table(["engine", *used], body)


def _table(head: Sequence[str], body: Iterable[Sequence[str]], left: int = 1) -> list[str]:
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return [f"| {' | '.join(cells)} |" for cells in (head, rule, *body)]


def _bold(text: str, row: Row) -> str:
    return f"**{text}**" if row.engine == "compiled" else text


def _per_mac(value: float, macs: int) -> str:
    return f"{value / macs:.3f}" if macs else "-"


def _bytes(size: int | None) -> str:
    return "-" if size is None else f"{size:,}"


def _compiler() -> str:
    if shutil.which("arm-none-eabi-g++") is None:
        raise EstimateError("arm-none-eabi-g++ is not on PATH (run: make setup)")
    done = subprocess.run(
        ["arm-none-eabi-gcc", "-dumpfullversion"], capture_output=True, text=True, check=True
    )
    return f"arm-none-eabi-gcc {done.stdout.strip()}"
