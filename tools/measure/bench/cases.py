"""The models that the bench measures, each with windows for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.convert.hidden_order import normal_windows
from tools.convert.model import read_model
from tools.measure.bench import reference
from tools.measure.estimate import WINDOWS
from training.bundle import read_bundle
from training.bundle.errors import ConvertError, EstimateError
from training.bundle.files import MAX_FILE_BYTES
from training.bundle.interpreter import Interpreter, probe_arena
from training.bundle.regular_file import read_regular
from training.weight_scales import match_factors

_COMPARED = 40  # windows on which a model and its adjusted copy are compared


@dataclass(frozen=True)
class Case:
    """A model with windows."""

    key: str  # short name, for example "ecg"
    title: str  # heading of its section
    model: bytes  # flatbuffer that the compiled engine is measured with
    inputs: NDArray[np.int8]  # int8 [n, input size]
    # flatbuffer that TensorFlow Lite Micro is measured with; None to leave it out
    tflm: bytes | None = None
    note: str = ""  # remark for the reader
    # int8 [m, input size], other normal windows, by which the converter orders hidden units
    normal: NDArray[np.int8] | None = None


def cases(keep: Path, data: Path | None) -> list[Case]:
    """Return the reference model per tensor and per channel, and MLPerf Tiny's ad01.

    The reference model needs neither training nor data; its bundles are written to `keep`. The last
    case is left out unless the folder `data` has it.
    """
    every = []
    for key, per_channel in (("ecg", False), ("ecg_per_channel", True)):
        bundle = reference.make(keep / key, per_channel=per_channel)
        how = "channel" if per_channel else "tensor"
        title = f"140-32-16-8-16-32-140, weights per {how}"
        tflm = None if per_channel else bundle.model
        note = reference.NOTE
        if per_channel:
            note += " The boards' TensorFlow Lite Micro of 2024 treats such weights as per tensor."
        every.append(Case(key, title, bundle.model, bundle.golden.input[:WINDOWS], tflm, note))
    folder = data / "mlperf_tiny" if data else None
    if folder and (folder / "ad01_int8.tflite").is_file():
        every.append(_ad01(folder))
    return every


def _ad01(folder: Path) -> Case:
    model = (folder / "ad01_int8.tflite").read_bytes()
    adjusted = match_factors(model)
    source = read_model(model).input
    real = np.fromfile(folder / "normal_id_01_windows.bin", np.float32).reshape(-1, source.size)
    scaled = np.rint(real[:_COMPARED] / source.scale) + source.zero_point
    inputs = np.clip(scaled, -128, 127).astype(np.int8)
    one, other = Interpreter(model).run(inputs), Interpreter(adjusted).run(inputs)
    moved = sum(a != b for a, b in zip(model, adjusted, strict=True))
    note = (
        "The compiled engine is measured with the published file. The boards' TensorFlow Lite "
        "Micro of 2024 rounds a layer's factor in single precision and would differ from today's "
        "interpreter in rare bytes, so its rows are of a copy with weight scales on which both "
        f"agree: {moved} bytes of the file; {int((one != other).sum()):,} of the interpreter's "
        f"{one.size:,} output bytes differ between the two."
    )
    measured, others = inputs[:WINDOWS], inputs[WINDOWS:]
    return Case("ad01", "MLPerf Tiny ad01", model, measured, adjusted, note, others)


def case_of(path: Path) -> Case:
    """Return a bundle's model with its golden windows, or a .tflite file with random ones."""
    if path.suffix == ".tflite":
        return random_case(path.name, read_regular(path, MAX_FILE_BYTES, EstimateError))
    bundle = read_bundle(path)
    inputs = bundle.golden.input[:WINDOWS]
    inputs = inputs.reshape(len(inputs), -1)
    normal = normal_windows(bundle.golden)
    return Case(path.name, path.name, bundle.model, inputs, normal=normal)


def random_case(name: str, model: bytes) -> Case:
    """Return `model` with random windows.

    Raises:
        ConvertError: it is no model of one window, or the interpreter cannot run it.
    """
    size = read_model(model, name).input.size
    try:
        probe_arena(model)
    except ConvertError as problem:
        raise ConvertError(f"{name}: {problem}") from None
    inputs = np.random.default_rng(1).integers(-128, 128, (WINDOWS, size)).astype(np.int8)
    return Case(name, name, model, inputs)
