"""The compiled engine's source for one model: compiled_model.h and compiled_model.cpp."""

from __future__ import annotations

from collections.abc import Mapping

from tools.convert import cpp
from tools.convert.model import Model
from tools.convert.plan import Plan, make_plan
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
    model: Model, title: str, where: str, *, plain: bool = False, name: str = "compiled"
) -> dict[str, str]:
    """File name to text of the model's C++; the same model gives the same text.

    `title` is one line for the reader; `where` names the model in errors; `plain` leaves the
    paired kernels out; `name` is that of files and namespace, for a second model in one image.
    Raises ConvertError, one line, for what the engine does not carry.
    """
    plan = make_plan(model, where, plain=plain)
    steps = plan.steps
    reports = [step.report for step in steps]
    rows = [Report.HEAD, *(report.cells(i) for i, report in enumerate(reports))]
    constants = sum(step.constant_bytes() for step in steps)
    arena = plan.memory.arena_bytes
    totals = (
        f"{sum(report.macs for report in reports)} multiply-accumulates, "
        f"{constants} bytes of constants, {arena} bytes of activations."
    )
    headers = sorted(set().union(*(step.headers for step in steps)))
    shared = sorted(set().union(*(step.shared() for step in steps)))
    if "pairs.h" in headers:
        chain, loop = (
            sum(cycles) for cycles in zip(*(step.passes() for step in steps), strict=True)
        )
        shared.insert(0, f"constexpr bool kLoops = {'true' if loop < chain else 'false'};\n")
    definitions = ["".join(shared), *(step.constants(i) for i, step in enumerate(steps))]
    if arena:
        definitions.append(f"alignas(8) std::int8_t arena[{arena}];\n")
    places = _places(plan)
    code = [
        f"    {step.code(i, {value: places[value] for value in (*step.reads, *step.writes)})}\n"
        for i, step in enumerate(steps)
    ]
    return {
        f"{name}_model.h": _HEADER.format(
            generated=cpp.GENERATED,
            name=name,
            input_size=model.input.size,
            output_size=model.output.size,
            constant_bytes=constants,
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
            code="".join(code),
        ),
    }


def _places(plan: Plan) -> Mapping[Value, str]:
    """An expression for each value's address."""

    def place(value: Value, at: str | int) -> str:
        if isinstance(at, str):
            return at
        place = f"arena + {at}" if at else "arena"
        return f"reinterpret_cast<Wide*>({place})" if value.wide else place

    return {value: place(value, at) for value, at in plan.memory.places.items()}
