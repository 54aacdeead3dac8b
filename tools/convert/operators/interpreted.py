"""Operators that only the interpreter runs: the engine `tflm` has them, `compiled` does not."""

from tools.convert.operator_kind import OperatorKind

KINDS = {
    "DEQUANTIZE": OperatorKind("AddDequantize"),
    "SHAPE": OperatorKind("AddShape"),
}
