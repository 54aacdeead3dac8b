"""An estimate as text for a terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tools.measure.estimate.cycles import CLASSES
from tools.measure.estimate.estimate import Estimate, On, Range


def render(result: Estimate) -> RenderableType:
    """Return the boards' ranges, the counts, and the basis of the estimate, for rich."""
    boards = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("board", "clock", "waits", "kilocycles", "ms", "\u00b5J"):
        boards.add_column(head, justify="left" if head == "board" else "right", no_wrap=True)
    for on in result.boards:
        boards.add_row(*_cells(on))
    counts = result.counts
    classes = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    classes.add_column()
    classes.add_column(justify="right")
    for name in CLASSES:
        if counts.classes[name]:
            classes.add_row(f"  {name}", f"{counts.classes[name]:,.0f}")
    return Group(
        Text(f"{result.model}, {result.engine} engine: estimate of one inference", style="bold"),
        Text(),
        boards,
        Text(),
        Text(
            f"Counted in the emulated image, mean of {result.windows} golden windows: "
            f"{counts.instructions:,.0f} instructions"
        ),
        classes,
        Text(
            f"  read from flash: {counts.fetches:,.0f} words of code, "
            f"{counts.flash_reads:,.0f} of data",
            style="dim",
        ),
        *(
            [Text(f"  predicted by the converter's plan: {result.planned:,.0f}", style="dim")]
            if result.planned is not None
            else []
        ),
        *([Text(), Text(_around(result))] if result.stages else []),
        Text(),
        *(Text(line) for line in _gaps(result)),
        *(Text(line, style="dim") for line in _BASIS),
    )


_BASIS = (
    "This is an estimate. It was not measured on hardware.",
    "Low: cycle model without flash waits. High: every word from flash waits.",
    "Waits and currents are not yet checked against the printed specifications.",
    "\u00b5J: the busy processor during the inference, with DC/DC (low) or LDO (high) regulator.",
    "Scaling, scoring, radio, sensor, LED and USB are not included in time and energy.",
)


def _around(result: Estimate) -> str:
    """Return the predicted instructions of the stages before and after the inference."""
    stages = ", ".join(f"{name} {count:,.0f}" for name, count in result.stages.items() if count)
    whole = result.counts.instructions + sum(result.stages.values())
    return (
        f"Predicted for the other stages of a window: {stages}; with the inference, {whole:,.0f} "
        "instructions"
    )


def _gaps(result: Estimate) -> list[str]:
    """One line for each reason why an estimate is missing or incomplete, with the boards."""
    reasons = (
        (
            "Flash waits unknown, so that both limits are the model's cycles",
            [on.name for on in result.boards if on.wait_states is None],
        ),
        ("Current unknown", [on.name for on in result.boards if on.microjoules is None]),
        ("Left out, because the core is not a Cortex-M4 with DSP", list(result.left_out)),
    )
    return [f"{reason}: {', '.join(names)}" for reason, names in reasons if names]


def _cells(on: On) -> tuple[str, ...]:
    return (
        on.name,
        f"{on.clock_hz / 1e6:g} MHz",
        "?" if on.wait_states is None else str(on.wait_states),
        _span((on.cycles[0] / 1000, on.cycles[1] / 1000)),
        _span(on.milliseconds),
        "-" if on.microjoules is None else _span(on.microjoules),
    )


def _span(values: Range) -> str:
    low, high = map(_two_digits, values)
    return low if low == high else f"{low} to {high}"


def _two_digits(value: float) -> str:
    """Two significant digits; no exponent for large values."""
    rounded = float(f"{value:.1e}")
    return f"{rounded:,.0f}" if rounded >= 100 else f"{rounded:#.2g}".rstrip(".")
