"""docs/bench.md: what `vigil bench` measured, as tables, with its plot."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks import recorded
from benchmarks.bench import Case, Row, Say, cases, measure
from benchmarks.plot import draw
from tools.estimate.cycles import CLASSES

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
    "- *Code* is the engine's code and tables beside the weights (*weights*: of TensorFlow Lite "
    "Micro, the flatbuffer). *RAM* is the arena set aside and the engine's own variables. "
    "*Stack* is what a run was seen to write. C library code is not counted.",
    "- `-O2` is with hard float; `-Os` with the flags that Arduino builds the Nano 33 BLE with.",
)


def write(build: Path, data: Path | None, docs: Path, say: Say) -> Path:
    """Measure everything and write bench.md, images/bench.svg and .png into `docs`.

    `build` holds bundles and what is kept between runs; `data` the data sets, if any. Raises
    EstimateError, one line, for what is missing.
    """
    found = cases(build, data)
    rows = [row for case in found for row in measure(case, build / "bench", say)]
    images = docs / "images"
    images.mkdir(parents=True, exist_ok=True)
    titles = {case.key: case.title for case in found}
    for suffix in ("svg", "png"):
        draw(rows, titles, images / f"bench.{suffix}")
    path = docs / "bench.md"
    path.write_text(page(found, rows), encoding="utf-8")
    return path


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
        mine = [row for row in rows if row.case == case.key]
        text += [f"## {case.title}", "", f"{mine[0].macs:,} multiply-accumulates (MACs).", ""]
        text += [*_totals(mine), ""]
        told = sorted({row.recorded for row in mine if row.recorded})
        text += [f"¹ Not measured in this run, but recorded earlier: {t}.\n" for t in told]
        text += ["### Layer by layer", "", *_layers([row for row in mine if row.layers]), ""]
        text += ["### Instructions by class", "", *_classes([r for r in mine if r.classes]), ""]
    return "\n".join([*text, *_METHOD]) + "\n"


def _totals(rows: Sequence[Row]) -> list[str]:
    best = rows[0].instructions
    head = ["engine", "flags", "instructions", "per MAC", "against ours", "cycles (model)"]
    head += ["per MAC", "code", "weights", "RAM", "stack"]
    body = []
    for row in rows:
        mark = "¹" if row.recorded else ""
        cycles = ["-", "-"]
        if row.cycles is not None:
            cycles = [f"{row.cycles:,.0f}", f"{row.cycles / row.macs:.3f}"]
        body.append(
            [
                _bold(row.engine + mark, row),
                row.flags,
                f"{row.instructions:,.0f}",
                f"{row.instructions / row.macs:.3f}",
                f"{row.instructions / best:.2f} x",
                *cycles,
                *(_bytes(size) for size in (row.code, row.weights, row.ram, row.stack)),
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
        cells = [layer.name.replace("- ", "widen ", 1) if not layer.macs else layer.name]
        cells += [f"{layer.macs:,}" if layer.macs else "-", f"{layer.instructions:,.0f}"]
        if layer.macs:
            cells += [f"{layer.instructions / layer.macs:.3f}", f"{layer.cycles / layer.macs:.3f}"]
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


def _bytes(size: int | None) -> str:
    return "-" if size is None else f"{size:,}"


def _compiler() -> str:
    done = subprocess.run(
        ["arm-none-eabi-gcc", "-dumpfullversion"], capture_output=True, text=True, check=True
    )
    return f"arm-none-eabi-gcc {done.stdout.strip()}"
