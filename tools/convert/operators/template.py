"""Steps of the kernels that are templates of a layer's sizes (docs/engine.md).

Such a step calls a function of the generated C++, which instantiates the kernel.
"""

from __future__ import annotations

from collections.abc import Sequence

from tools.convert.operators.dense import DenseLayer
from tools.convert.requantization import TwoRoundings, two_roundings
from tools.convert.step import Report, Step, Value, scratch
from tools.convert.work import Work, added

MOST_SCRATCH = 16384
"""Most bytes of scratch memory that a faster kernel is worth."""

Constants = tuple[str, int]
"""The C++ definitions of a kernel's constants, and their bytes."""


def exact_roundings(layer: DenseLayer) -> list[TwoRoundings]:
    """The roundings of each output; none if a value of one could leave 32 bits."""
    exacts = layer.requantizations(layer.zero_point, -128, 127)
    each = [two_roundings(exact) for exact in exacts]
    found = [roundings for roundings in each if roundings]
    if len(found) != len(each):
        return []
    return found if layer.per_channel else found * layer.outputs


def lanes(low: int, high: int) -> int:
    """Two values as the 16-bit lanes of a word."""
    return (low & 0xFFFF) | (high & 0xFFFF) << 16


def template_step(
    layer: DenseLayer,
    positions: int,
    ends: tuple[Value, Value],
    kernel: str,
    why: str,
    constants: Constants,
    calls: Sequence[str],
    work: Work,
    memory: int = 0,
    part: int = 0,
) -> Step:
    """The step of a layer at many positions.

    Args:
        ends: the values that it reads and writes.
        kernel: the name of its header.
        why: a remark for the layer table.
        calls: C++ statements, with the names `input`, `output` and `scratch`.
        work: that of the calls.
        memory: bytes of `scratch`, if not 0.
        part: of several steps that write one tensor.
    """
    read, written = ends
    calls, clamp = _clamped(calls, layer, written.bytes)
    body = "".join(f"    {call}\n" for call in calls)
    own = (Value(scratch(layer.target, part)[0], memory),) if memory else ()
    parameters = "const std::int8_t* input, std::int8_t* output"
    parameters += ", std::int8_t* scratch" if own else ""
    macs = layer.macs * positions
    return Step(
        Report("FULLY_CONNECTED", layer.shape, macs, layer.scale, kernel, why),
        (read,),
        (written, *own),
        "layer#",
        (read, written, *own),
        frozenset({f"{kernel}.h"}),
        constants=constants[0] + f"void layer#({parameters}) {{\n{body}}}\n",
        constant_bytes=constants[1],
        work=added(work, clamp),
    )


def _clamped(calls: Sequence[str], layer: DenseLayer, size: int) -> tuple[Sequence[str], Work]:
    """The calls, then one that clamps their `size` outputs to the activation; its work."""
    if (layer.low, layer.high) == (-128, 127):
        return calls, {}
    fours, ones = divmod(size, 4)
    call = f"clamp_values(output, {size}, {layer.low}, {layer.high});"
    return [*calls, call], {"clamp.call": 1, "clamp.four": fours, "clamp.one": ones}
