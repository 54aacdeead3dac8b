"""One row of the bench: an engine on a model, as a whole and by layer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Layer:
    """One step of an inference."""

    name: str
    macs: int
    instructions: float
    cycles: float


@dataclass(frozen=True)
class Row:
    """One engine on one model; sizes in bytes, None where a recorded row lacks the figure.

    Attributes:
        case: key of the model's Case.
        engine: "compiled", or TensorFlow Lite Micro with its kernels.
        flags: optimization level.
        macs: multiply-accumulates per inference.
        instructions: per inference.
        cycles: per inference, by the model in tools.measure.estimate.cycles.
        layers: steps in the order of execution.
        code: the engine's code.
        tables: the engine's constants beside the weights.
        weights: weights with biases; for TensorFlow Lite Micro, the flatbuffer.
        bytes_per_weight: `weights` divided by the number of int8 weights.
        ram: used bytes of the arena and the engine's own variables.
        ram_reserved: all bytes of the arena and the engine's own variables.
        stack: most bytes of stack written during an inference.
        recorded: toolchain of a figure that was not measured in this run, else "".
        classes: instructions by class.
    """

    case: str
    engine: str
    flags: str
    macs: int
    instructions: float
    cycles: float | None
    layers: tuple[Layer, ...] = ()
    code: int | None = None
    tables: int | None = None
    weights: int | None = None
    bytes_per_weight: float | None = None
    ram: int | None = None
    ram_reserved: int | None = None
    stack: int | None = None
    recorded: str = ""
    classes: dict[str, float] | None = None
