"""docs/bench.md: what `vigil bench` measured, as tables, with its plot."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from tools.measure.bench import recorded
from tools.measure.bench.bench import Say, measure, measure_compiled
from tools.measure.bench.cases import Case, case_of, cases
from tools.measure.bench.row import Row
from tools.measure.estimate.cycles import CLASSES
from tools.report.bench_plot import draw
from training.bundle.errors import EstimateError

_METHOD = (
    "## How it is counted",
    "",
    "- The compiled engine is linked with the model for a bare Cortex-M4; TensorFlow Lite Micro, "
    "where it is measured, is the firmware that PlatformIO builds. Each is called window by window "
    "in the Unicorn engine (QEMU's translator as a library), which executes the image's own code. "
    "The address of every instruction is kept; nothing is sampled. Every output byte is compared "
    "with the TensorFlow Lite Micro interpreter's, and one that differs is an error.",
    "- Layers are cut where the generated code goes from one step to the next, or where the "
    "interpreter calls an operator. The interpreter's work around a layer counts to the layer "
    "before.",
    "- Cycles are a model, not a measurement: ALU and multiply 1; load 2, or 1 behind another load "
    "or store; load or store of N registers 1 + N; store 1; divide 12; a taken branch 2 more. "
    "Flash never waits. On silicon it does: `vigil estimate` says how much at most.",
    "- *Code* and *tables* (constants beside the weights) are the engine's. *Weights* are with "
    "biases, 4 bytes an output (per channel, with a factor beside each), which is why a weight "
    "takes more than a byte; of TensorFlow Lite Micro, the flatbuffer. *RAM* is what is used: "
    "activations, or the bytes of its arena that the interpreter says it needs, and the engine's "
    "own variables. *Set aside* is with the whole arena, whose size Vigil chooses for TensorFlow "
    "Lite Micro before it runs: a bound. "
    "*Stack* is what a run was seen to write. C library code is not counted.",
    "- The compiled engine's `-O2` is with hard float, its `-Os` with the flags that Arduino "
    "builds the Nano 33 BLE with. TensorFlow Lite Micro is built with the latter, its `-O2` in "
    "place of their `-Os`: with the soft-float calling convention in both.",
    "- An instruction that an IT block skips counts, as it takes its cycle.",
    "- A trained model of the same layers takes some instructions more or less, for its scales "
    "choose its kernels: `vigil bench NAME` prints these tables for one. Where the running board "
    "counts (`vigil budget`, the zoo), its own reading of the clock is counted with them.",
)


def write(keep: Path, data: Path | None, docs: Path, say: Say) -> Path:
    """Measure everything and write bench.md, images/bench.svg and .png into `docs`.

    `keep` holds what is kept between runs; `data` the data sets, if any. Raises EstimateError,
    one line, for what is missing.
    """
    if not docs.is_dir() or not os.access(docs, os.W_OK):
        raise EstimateError(f"{docs}: no folder that can be written to; --docs names one")
    _compiler()
    found = cases(keep, data)
    rows = [row for case in found for row in measure(case, keep, say)]
    images = docs / "images"
    images.mkdir(exist_ok=True)
    titles = {case.key: case.title for case in found}
    for suffix in ("svg", "png"):
        draw(rows, titles, images / f"bench.{suffix}")
    path = docs / "bench.md"
    path.write_text(page(found, rows), encoding="utf-8")
    return path


def of_one(path: Path, say: Say) -> str:
    """The compiled engine on one bundle or .tflite file, as text. Raises VigilError."""
    _compiler()
    case = case_of(path)
    return "\n".join(_section(case, [*measure_compiled(case, say)]))


def page(found: Sequence[Case], rows: Sequence[Row]) -> str:
    """The page's text."""
    text = [
        "# Bench",
        "",
        "Made by `make bench`; do not edit. All figures are **emulated**: instructions that a "
        "Cortex-M4 executes for one inference, and a model of its cycles. No board was asked.",
        "",
        f"Compiler: {_compiler()}. Unicorn {version('unicorn')}. TensorFlow Lite Micro (TFLM): "
        f"{recorded.LIBRARY}.",
        "",
        "![Instructions of an inference, by engine](images/bench.svg)",
        "",
    ]
    for case in found:
        text += _section(case, [row for row in rows if row.case == case.key])
    return "\n".join([*text, *_METHOD]) + "\n"


def _section(case: Case, rows: Sequence[Row]) -> list[str]:
    about = f"{rows[0].macs:,} multiply-accumulates (MACs). {case.note}".rstrip()
    text = [f"## {case.title}", "", about, "", *_totals(rows), ""]
    told = sorted({row.recorded for row in rows if row.recorded})
    text += [
        f"¹ Not measured in this run; recorded on a model of these layers: {t}.\n" for t in told
    ]
    text += ["### Layer by layer", "", *_layers([row for row in rows if row.layers]), ""]
    text += ["### Instructions by class", "", *_classes([r for r in rows if r.classes]), ""]
    return text


def _totals(rows: Sequence[Row]) -> list[str]:
    best = rows[0].instructions
    head = ["engine", "flags", "instructions", "per MAC", "against ours", "cycles (model)"]
    head += ["per MAC", "code", "tables", "weights", "bytes a weight", "RAM", "set aside", "stack"]
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
    """The compiled engine's steps, and beside each dense layer what TFLM takes for it."""
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
