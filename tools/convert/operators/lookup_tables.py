"""Operators that map one int8 value to one int8 value: a table of 256 results each.

LOGISTIC and TANH are fixed-point approximations. A table of the interpreter's own 256 answers is
exact by construction, and the fastest kernel there is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.graph import Operator, Tensor
from tools.convert.one_operator import Grid, one_operator_model
from tools.convert.operator_kind import OperatorKind
from tools.convert.planner import Planner
from tools.convert.step import Report, Step, Value
from training.bundle.errors import ConvertError
from training.bundle.interpreter import Interpreter


def _plan(planner: Planner, operator: Operator) -> None:
    source, target = planner.model.ends(operator)
    if source.dtype != "int8" or target.dtype != "int8" or source.size != target.size:
        raise planner.refusal(operator, "input and output must be int8, of the same size")
    if len(source.scales) != 1 or len(target.scales) != 1:
        raise planner.refusal(operator, "input and output must be quantized")
    try:
        table = table_of(operator, source, target)
    except ConvertError:
        raise planner.refusal(
            operator,
            "the TensorFlow Lite Micro interpreter refuses it with an output scale of "
            f"{target.scale:.4g} and zero point {target.zero_point}; quantize the model again",
        ) from None
    read, written = Value.of(source), Value.of(target)
    scale = f"{target.scale:.4g}"
    planner.steps.append(
        Step(
            Report(operator.name, str(source.size), 0, scale, "look_up", "256 known results"),
            (read,),
            (written,),
            "look_up",
            ("kTable#", read, written, str(source.size)),
            frozenset({"lookup_table.h"}),
            constants=cpp.array("std::int8_t", "kTable#", table),
            constant_bytes=256,
            in_place=True,
            work={"look_up.call": 1, "look_up.value": source.size},
        )
    )


def table_of(operator: Operator, source: Tensor, target: Tensor) -> NDArray[np.int8]:
    """int8 [256]: the operator's results for -128, -127, ... 127.

    Raises:
        ConvertError: the interpreter refuses the operator with these scales.
    """
    alpha = operator.options.get("alpha")
    source_grid, target_grid = (
        Grid(float(tensor.scale), tensor.zero_point) for tensor in (source, target)
    )
    model = one_operator_model(operator.name, "int8", 256, source_grid, target_grid, alpha)
    ramp = np.arange(-128, 128, dtype=np.int8)
    return Interpreter(model).run(ramp[None]).reshape(256)


KINDS = {
    "ABS": OperatorKind(None, _plan),
    "ELU": OperatorKind(None, _plan),
    "HARD_SWISH": OperatorKind(None, _plan),
    "LEAKY_RELU": OperatorKind("AddLeakyRelu", _plan, {"alpha": (0, "float32", 0.0)}),
    "LOGISTIC": OperatorKind("AddLogistic", _plan),
    "QUANTIZE": OperatorKind("AddQuantize", _plan),
    "RELU": OperatorKind("AddRelu", _plan),
    "RELU6": OperatorKind("AddRelu6", _plan),
    "TANH": OperatorKind("AddTanh", _plan),
}
