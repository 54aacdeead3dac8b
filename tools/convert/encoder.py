"""A bundle's encoder alone as C++: a feature extractor beside the detector, or in its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.convert import cpp
from tools.convert.compiled import compile_model
from tools.convert.emit import write_files
from tools.convert.host import HostEngine
from tools.convert.model import read_model
from training.bundle import read_bundle
from training.bundle.errors import ConvertError
from training.bundle.interpreter import tried_interpreter
from training.encoder import ENCODER

NAME = "encoder"  # of files and namespace

_HEADER = """\
{generated}
#pragma once

#include <cstdint>

#include "encoder_model.h"

// infer() takes a window that the bundle's scaler has made int8, and gives the code as int8.
namespace vigil::model::encoder {{

inline constexpr std::uint8_t kHash[8] = {hash};  // of the bundle's manifest
constexpr float kCodeScale = {scale};  // a code's real value: kCodeScale * (q - kCodeZeroPoint)
constexpr std::int32_t kCodeZeroPoint = {zero_point};

}}  // namespace vigil::model::encoder
"""


@dataclass(frozen=True)
class Encoder:
    """What was written, and what it takes."""

    files: tuple[Path, ...]
    code: int  # values
    model_bytes: int  # of encoder.tflite
    macs: int
    windows: int  # golden ones, on which it equals the interpreter


def convert_encoder(bundle_dir: Path, out: Path) -> Encoder:
    """Write encoder.h, encoder_model.h and encoder_model.cpp into the folder `out`.

    The compiled engine's, in the namespace vigil::model::encoder, so that detector and encoder go
    into one image. They are run on this host: the golden windows must give the interpreter's
    bytes. Raises BundleError for a bundle that fails its checks, ConvertError where it has no
    encoder, the engine cannot carry it, or a byte differs.
    """
    bundle = read_bundle(bundle_dir)
    path = bundle.path / ENCODER
    where = f"{bundle.manifest.name}/{ENCODER}"
    if not path.is_file():
        raise ConvertError(f"{path} is missing: set encoder = true in the recipe and train again")
    data = path.read_bytes()
    model = read_model(data, where)
    grid = bundle.manifest.model.input
    if (model.input.size, float(model.input.scale), model.input.zero_point) != (
        *(grid.size, float(model.input.scale.dtype.type(grid.scale))),
        grid.zero_point,
    ):
        raise ConvertError(f"{where}: takes another input than the bundle's model; train again")
    header = _HEADER.format(
        generated=cpp.GENERATED,
        hash=cpp.braced(bundle.hash8),
        scale=f"{model.output.scale!s}F",
        zero_point=model.output.zero_point,
    )
    title = f"{bundle.manifest.name}, the encoder alone"
    files = compile_model(model, title, where, name=NAME)
    written = write_files(out, {**files, "encoder.h": header})
    windows = bundle.golden.input
    if (HostEngine(out, name=NAME).run(windows) != tried_interpreter(data).run(windows)).any():
        raise ConvertError(f"{where}: the C++ computes other bytes than the interpreter")
    return Encoder(tuple(written), model.output.size, len(data), model.macs(), len(windows))
