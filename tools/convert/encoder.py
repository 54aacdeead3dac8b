"""Writes a bundle's encoder as C++: a feature extractor beside the detector, or instead of it."""

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
from training.bundle.files import ENCODER
from training.bundle.interpreter import open_interpreter

NAME = "encoder"
"""Name of the files and of the namespace."""

_HEADER = """\
{generated}
#pragma once

#include <cstdint>

#include "encoder_model.h"

// infer() turns an int8 window, the output of the bundle's scaler, into an int8 code.
namespace vigil::model::encoder {{

inline constexpr std::uint8_t kHash[8] = {hash};  // of the bundle's manifest
constexpr float kCodeScale = {scale};  // real value: kCodeScale * (q - kCodeZeroPoint)
constexpr std::int32_t kCodeZeroPoint = {zero_point};

}}  // namespace vigil::model::encoder
"""


@dataclass(frozen=True)
class Encoder:
    """The files of an encoder, and its size."""

    files: tuple[Path, ...]  # the files written
    code: int  # values of a code
    model_bytes: int  # size of encoder.tflite
    macs: int  # multiply-accumulates per code
    windows: int  # golden windows on which it equals the interpreter


def convert_encoder(bundle_dir: Path, out: Path) -> Encoder:
    """Write encoder.h, encoder_model.h and encoder_model.cpp into the folder `out`.

    The model runs on the compiled engine, in the namespace vigil::model::encoder, so that one image
    can hold both detector and encoder. The sources are checked on this machine: their codes of the
    golden windows must equal the interpreter's.

    Raises:
        BundleError: the bundle fails its checks.
        ConvertError: the bundle has no encoder, the engine cannot run it, or a byte differs.
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
        raise ConvertError(
            f"{where}: its input differs from that of the bundle's model; train again"
        )
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
    if (HostEngine(out, name=NAME).run(windows) != open_interpreter(data).run(windows)).any():
        raise ConvertError(
            f"{where}: the C++ differs from the interpreter; train again, and report this error"
        )
    return Encoder(tuple(written), model.output.size, len(data), model.macs(), len(windows))
