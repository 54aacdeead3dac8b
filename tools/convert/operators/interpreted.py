"""Operators that only the interpreter runs: the engine `tflm` has them, `compiled` does not."""

from tools.convert.operator_kind import OperatorKind

KINDS = {
    "DEQUANTIZE": OperatorKind("AddDequantize"),
    "MEAN": OperatorKind("AddMean"),
    "PAD": OperatorKind("AddPad"),
    "SHAPE": OperatorKind("AddShape"),
    "SLICE": OperatorKind("AddSlice"),
    "SUB": OperatorKind("AddSub"),
    "TRANSPOSE": OperatorKind("AddTranspose"),
}
