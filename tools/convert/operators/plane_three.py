"""Depthwise convolutions with a kernel of three columns, by planes: a template of the sizes."""

from __future__ import annotations

from tools.convert import cpp
from tools.convert.operators.dense import DenseLayer
from tools.convert.operators.positions import Positions
from tools.convert.operators.template import exact_roundings, template_step
from tools.convert.step import Step, Value

WHY = "a channel's plane at a time"

_MOST_PITCH = 126
"""Words: an instruction reaches as far as two rows of the plane."""

_UNROLLED = 4
"""Pairs of outputs of a row up to which the kernel has no loop over them."""


def plane_three(at: Positions, layer: DenseLayer, pitch: int, high: int) -> Step | None:
    """The step of a layer with weights [outputs, kernel], or None if the kernel cannot run it.

    `pitch` is the plane's, in words, and `high` its rows.
    """
    kernel = (at.kernel_width, at.dilation_width, at.dilation_height)
    roundings = exact_roundings(layer)
    if kernel != (3, 1, 1) or at.kernel_height not in (1, 3) or at.stride_width > 2:
        return None
    if pitch > _MOST_PITCH or not roundings or any(each.left for each in roundings):
        return None
    outputs, top, left = layer.outputs, max(-at.top, 0), max(-at.left, 0)
    rows = min(at.in_height - at.top, high) - top
    width = min(at.in_width - at.left, 2 * pitch) - left
    whole = at.column_step == outputs and at.row_step == at.columns * outputs and not at.first
    if min(rows, width) < 1 or ((layer.low, layer.high) != (-128, 127) and not whole):
        return None
    sizes = {
        "kPadding": at.padding & 0xFFFF,
        "kHeight": at.kernel_height,
        "kStride": at.stride_width,
        "kPitch": pitch,
        "kHigh": high,
        "kTop": top,
        "kLeft": left,
        "kRows": rows,
        "kWidth": width,
        "kFirst": ((top + at.top) * at.in_width + left + at.left) * at.channels,
        "kInRow": at.in_width * at.channels,
        "kChannels": at.channels,
        "kOutRows": at.rows,
        "kColumns": at.columns,
        "kRowStep": at.row_step,
        "kStep": at.column_step,
        "kRowWords": at.stride_height * pitch,
        "kMultiplier": outputs // at.channels,
    }
    shifts = sorted({each.shift for each in roundings})
    indices = [shifts.index(each.shift) for each in roundings]
    ends = [
        value
        for bias, by in zip(layer.bias, roundings, strict=True)
        for value in (2 * int(bias), by.multiplier, by.start)
    ]
    fields = ", ".join(f"{name} = {value}" for name, value in sizes.items())
    constants = (
        f"struct Sizes# {{\n    static constexpr std::uint32_t {fields};\n}};\n"
        + cpp.array("std::int8_t", "kWeights#", layer.weights.ravel())
        + cpp.words("kEnds#", ends)
        + (cpp.array("std::uint8_t", "kShifts#", indices) if len(shifts) > 1 else "")
        + "const ThreeWeights kThree# = {kWeights#, kEnds#, "
        + ("kShifts#" if len(shifts) > 1 else "nullptr")
        + "};\n"
    )
    read, written = Value(layer.source, at.in_size), Value(layer.target, at.count * outputs)
    first = f" + {at.first}" if at.first else ""
    calls = [
        f"plane_three<Sizes#, {', '.join(map(str, shifts))}>"
        f"(kThree#, input, output{first}, reinterpret_cast<std::uint32_t*>(scratch));"
    ]
    pairs, odd = divmod(at.columns, 2)
    each = f"plane_three.{at.kernel_height}_{at.stride_width}"
    each += "" if pairs <= _UNROLLED else "_loop"
    lines = outputs * at.rows
    work = {
        "plane_three.call": 1,
        "plane_three.word": high * pitch,
        "plane_three.line": at.channels * rows,
        "plane_three.value": at.channels * rows * width,
        f"{each}_output": outputs,
        f"{each}_row": lines,
        f"{each}_pair": lines * pairs,
        f"{each}_odd": lines * odd,
    }
    return template_step(
        *(layer, at.count, (read, written), "plane_three", WHY),
        (constants, layer.weights.size + 12 * outputs + (len(shifts) > 1) * outputs + 12),
        *(calls, work),
        memory=4 * high * pitch,
        part=at.first,
    )
