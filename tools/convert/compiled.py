"""The compiled engine's source for one model: compiled_model.h and compiled_model.cpp."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.graph import Model
from tools.convert.plan import make_plan
from tools.convert.step import Report, Value

_HEADER = """\
{generated}
#pragma once

#include <cstdint>

namespace vigil::model::{name} {{

constexpr std::uint32_t kInputSize = {input_size};
constexpr std::uint32_t kOutputSize = {output_size};
constexpr std::uint32_t kConstantBytes = {constant_bytes};  // weights and tables, in flash
constexpr std::uint32_t kArenaBytes = {arena_bytes};  // activations, static

// input int8 [kInputSize], output int8 [kOutputSize]; they do not overlap.
void infer(const std::int8_t* input, std::int8_t* output);

}}  // namespace vigil::model::{name}
"""

_SOURCE = """\
{generated}
//
// {title}
// {totals}
//
{table}\
#include "{name}_model.h"

{includes}
namespace vigil::model::{name} {{

using namespace vigil::compiled;

namespace {{

{constants}\
}}  // namespace

void infer(const std::int8_t* input, std::int8_t* output) {{
{code}\
}}

}}  // namespace vigil::model::{name}
"""


def compile_model(
    model: Model,
    title: str,
    where: str,
    *,
    plain: bool = False,
    vectors: bool = False,
    windows: NDArray[np.int8] | None = None,
    name: str = "compiled",
) -> dict[str, str]:
    """File name to text of the model's C++; the same model gives the same text.

    Args:
        where: the model's name in errors.
        plain, vectors: leave the paired kernels out, or out of dense layers: see make_plan().
        windows: by which layers may skip hidden units: see make_plan().
        name: of the files and the namespace, for a second model in one image.

    Raises:
        ConvertError: in one line: the engine cannot run the model.
    """
    plan = make_plan(model, where, plain=plain, vectors=vectors, windows=windows)
    steps = plan.steps
    rows = [Report.HEAD, *(step.report.cells(i) for i, step in enumerate(steps))]
    arena = plan.memory.arena_bytes
    totals = (
        f"{sum(step.report.macs for step in steps)} multiply-accumulates, "
        f"{plan.constant_bytes} bytes of constants, {arena} bytes of activations."
    )
    headers = sorted(set().union(*(step.headers for step in steps)))
    shared = sorted(set().union(*(step.shared for step in steps)))
    if "paired_dense.h" in headers:
        shared.insert(0, f"constexpr bool kLoops = {'true' if plan.loops else 'false'};\n")
    definitions = ["".join(shared), *(step.definitions(i) for i, step in enumerate(steps))]
    if arena:
        definitions.append(f"alignas(8) std::int8_t arena[{arena}];\n")
    addresses = {value: _address(value, at) for value, at in plan.memory.addresses.items()}
    calls = [f"    {step.call(i, addresses)}\n" for i, step in enumerate(steps)]
    return {
        f"{name}_model.h": _HEADER.format(
            generated=cpp.GENERATED,
            name=name,
            input_size=model.input.size,
            output_size=model.output.size,
            constant_bytes=plan.constant_bytes,
            arena_bytes=arena,
        ),
        f"{name}_model.cpp": _SOURCE.format(
            generated=cpp.GENERATED,
            name=name,
            title=title,
            totals=totals,
            table=cpp.table(rows),
            includes="".join(f'#include "{header}"\n' for header in headers),
            constants="\n".join(text for text in definitions if text),
            code="".join(calls),
        ),
    }


def _address(value: Value, at: str | int) -> str:
    if isinstance(at, str):
        return at
    address = f"arena + {at}" if at else "arena"
    return f"reinterpret_cast<Wide*>({address})" if value.wide else address
