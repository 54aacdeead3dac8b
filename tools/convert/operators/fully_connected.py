"""FULLY_CONNECTED: the choice between the paired and the plain kernel."""

from __future__ import annotations

from dataclasses import replace

from tools.convert.graph import Operator
from tools.convert.operator_kind import OperatorKind
from tools.convert.operators.convolution import SPARE, dense_rows
from tools.convert.operators.dense import (
    DenseLayer,
    checked_weights,
    dense_macs,
    fold,
    plain_dense,
    with_one_multiplies,
)
from tools.convert.operators.few_channels import few_outputs, one_input
from tools.convert.operators.paired_dense import (
    INT8,
    OFFSET,
    PairedLayer,
    fit_paired,
    narrow,
    paired_dense,
    widen,
)
from tools.convert.planner import Lanes, Planner
from tools.convert.step import Step, Value

_NAME = "FULLY_CONNECTED"


def read_dense(planner: Planner, operator: Operator) -> DenseLayer:
    """The layer of a FULLY_CONNECTED operator.

    Raises:
        ConvertError: the compiled engine cannot run the layer.
    """
    model = planner.model
    source, target = model.ends(operator)
    bias = model.tensor(operator.inputs[2]) if len(operator.inputs) > 2 else None
    weights, rows = checked_weights(planner, operator, model.tensor(operator.inputs[1]))
    if operator.option("weights_format"):
        raise planner.refusal(operator, "shuffled weights are not supported")
    if rows.ndim != 2 or not rows.size or source.size % rows.shape[1]:
        raise planner.refusal(operator, f"weights {list(rows.shape)} do not fit one input window")
    fits = target.size * rows.shape[1] == source.size * rows.shape[0]
    if not fits or target.shape[-1:] != rows.shape[:1]:
        raise planner.refusal(operator, f"output {list(target.shape)} does not fit its weights")
    return fold(planner, operator, source, weights, rows, bias, target)


def _ordered(planner: Planner, operator: Operator) -> DenseLayer:
    """The layer with its units in the planner's orders of its input and its output."""
    layer = read_dense(planner, operator)
    orders = planner.orders
    if layer.target in orders:
        rows = orders[layer.target].units
        by = layer.multipliers
        layer = replace(
            layer,
            weights=layer.weights[rows],
            bias=layer.bias[rows],
            multipliers=tuple(by[row] for row in rows) if layer.per_channel else by,
        )
    if layer.source in orders:
        order = orders[layer.source]
        layer = replace(
            layer,
            weights=layer.weights[:, order.units],
            silent=order.silent,
            silent_share=order.share,
        )
    return layer


def _plan(planner: Planner, operator: Operator) -> None:
    layer = _ordered(planner, operator)
    rows = planner.model.tensors[layer.source].size // layer.inputs
    if rows > 1:
        planner.steps.extend(dense_rows(planner, operator, layer, rows))
        return
    base = planner.views.name(layer.source)
    fit = _fit(planner, operator, layer, planner.wide.get(base, INT8))
    if isinstance(fit, str):
        few = None if planner.plain else one_input(layer) or few_outputs(layer, 1)
        if few:
            planner.steps.append(few)
            return
        planner.steps.append(plain_dense(with_one_multiplies(layer), fit))
        return
    if base not in planner.wide:
        planner.steps.append(widen(layer.source, layer.inputs))
        planner.wide[base] = INT8
    to_bytes = bool(fit.missing) or not _only_paired_layers_read(planner, operator)
    whole = layer.outputs % 4 == 0
    step = paired_dense(fit, to_bytes and whole, bool(planner.orders))
    macs = layer.macs - len(fit.missing) * layer.inputs
    planner.steps.append(replace(step, report=replace(step.report, macs=macs)))
    if not to_bytes:
        planner.wide[layer.target] = OFFSET
    elif not whole:
        planner.steps.append(narrow(layer.target, layer.outputs))
    planner.steps.extend(_missing_row(layer, row) for row in fit.missing)


def _missing_row(layer: DenseLayer, row: int) -> Step:
    """The plain kernel's step that writes one output, which the paired kernel leaves out."""
    step = plain_dense(with_one_multiplies(layer.row(row)), "plain: steps unlike")
    written = Value(layer.target, layer.outputs)
    return replace(
        step,
        report=replace(step.report, shape=f"row {row} of {layer.outputs}"),
        writes=(written,),
        arguments=("kDense#", step.reads[0], (written, f" + {row}")),
    )


def _fit(
    planner: Planner, operator: Operator, layer: DenseLayer, lanes: Lanes
) -> PairedLayer | str:
    if planner.plain or planner.vectors:
        return "plain: requested"
    if lanes != OFFSET:  # no lane of 0 stands for the smallest value
        layer = replace(layer, silent=0, silent_share=0.0)
    # The plain kernel computes missing rows from int8 values, which a layer before leaves as lanes.
    spare = layer.outputs // SPARE if lanes == INT8 else 0
    return planner.once(
        (operator.index, lanes), lambda: fit_paired(layer, lanes, planner.shifts, spare)
    )


def _only_paired_layers_read(planner: Planner, producer: Operator) -> bool:
    """Whether every reader of the output takes it as a paired kernel's lanes."""
    model = planner.model
    target = producer.outputs[0]
    if target == model.output.index:
        return False
    readers = [each for each in model.operators if target in each.inputs]
    return bool(readers) and all(_takes_lanes(planner, reader) for reader in readers)


def _takes_lanes(planner: Planner, reader: Operator) -> bool:
    tensors = planner.model.tensors
    if reader.name != _NAME:
        return False
    one_row = tensors[reader.outputs[0]].size == tensors[reader.inputs[1]].shape[0]
    return one_row and not isinstance(_fit(planner, reader, _ordered(planner, reader), OFFSET), str)


KINDS = {
    _NAME: OperatorKind(
        "AddFullyConnected",
        _plan,
        {"activation": (0, "int8", 0), "weights_format": (1, "int8", 0)},
        inputs=2,
        weights=(1, 2),
        macs=dense_macs,
    ),
}
