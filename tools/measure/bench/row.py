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
    """One engine on one model; sizes in bytes, None where a recorded row lacks the figure."""

    case: str  # key of the model's Case
    engine: str  # "compiled", or TensorFlow Lite Micro with its kernels
    flags: str  # optimization level
    macs: int  # multiply-accumulates per inference
    instructions: float  # per inference
    cycles: float | None  # per inference, by the model in tools.measure.estimate.cycles
    layers: tuple[Layer, ...] = ()  # steps in the order of execution
    code: int | None = None  # the engine's code
    tables: int | None = None  # the engine's constants beside the weights
    weights: int | None = None  # weights with biases; for TensorFlow Lite Micro, the flatbuffer
    bytes_per_weight: float | None = None  # `weights` divided by the number of int8 weights
    ram: int | None = None  # used bytes of the arena and the engine's own variables
    ram_reserved: int | None = None  # all bytes of the arena and the engine's own variables
    stack: int | None = None  # most bytes of stack written during an inference
    recorded: str = ""  # toolchain of a figure that was not measured in this run, else ""
    classes: dict[str, float] | None = None  # instructions by class
