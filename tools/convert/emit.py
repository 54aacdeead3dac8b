"""Writes a bundle as C++ source for the firmware."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tools.convert import cpp
from tools.convert.chain import chain_text, float_text, segmenter_text, wearer_text
from tools.convert.compiled import compile_model
from tools.convert.hidden_order import normal_windows
from tools.convert.model import read_model
from tools.convert.sensor import Conversion, Sensor, conversions
from tools.convert.tflm import arena_bytes, refused_model, tflm_model
from training.bundle import Bundle, read_bundle
from training.bundle.errors import ConvertError
from training.bundle.manifest import AlarmLevels, Manifest

GOLDEN_ON_BOARD = 4
"""Golden windows in the image, normal and abnormal ones where the bundle has both."""

ENGINES = ("compiled", "tflm")

_CONSTANTS = """\
{generated}
#pragma once

#include <cstdint>

{includes}

namespace vigil::model {{

inline constexpr char kName[] = "{name}";
inline constexpr std::uint8_t kHash[8] = {hash};  // of the bundle's manifest

constexpr std::uint8_t kFirmwareVersion[3] = {version};  // of the package that wrote this file

constexpr std::uint32_t kWindow = {window};  // frames that the model sees
constexpr std::uint32_t kHop = {hop};  // frames of the sensor
constexpr std::uint32_t kSpan = {span};  // frames from the first of a hop to the window's report
constexpr std::uint32_t kChannels = {channels};
constexpr std::uint32_t kInputSize = {input_size};
constexpr std::uint32_t kOutputSize = {output_size};
constexpr float kRateHz = {rate};  // frames of the sensor per second; 0 if not fixed

{segmenter}
{chain}
constexpr float kThreshold = {threshold};  // a window with a higher score is an anomaly
constexpr bool kThresholdFromBuild = {from_build};  // vigil build --threshold

constexpr std::uint32_t kModelBytes = {model_bytes};
constexpr std::uint32_t kModelCrc32 = {model_crc32:#010x};
constexpr std::uint32_t kArenaBytes = {arena_bytes};  // for TensorFlow Lite Micro: docs/engine.md

}}  // namespace vigil::model
"""

_SENSOR = """\
{generated}
#pragma once

#include "constants.h"
#include "sensor_config.h"

namespace vigil::model {{

inline constexpr SensorConfig kSensor = {{
    SensorKind::{kind}, kRateHz, {pin}, {lead_off}, "{name}"}};
// Raw values to counts, one per channel: {description}.
inline constexpr Conversion kConversion[kChannels] = {{{conversions}}};

}}  // namespace vigil::model
"""

_GOLDEN_HEADER = """\
{generated}
#pragma once

#include <cstdint>

#include "detector.h"

namespace vigil::model {{

constexpr std::uint32_t kGoldenCount = {count};
extern const GoldenWindow kGolden[kGoldenCount];

}}  // namespace vigil::model
"""

_GOLDEN_SOURCE = """\
{generated}
#include "golden.h"

namespace vigil::model {{
namespace {{

{arrays}
}}  // namespace

const GoldenWindow kGolden[kGoldenCount] = {{
{windows}\
}};

}}  // namespace vigil::model
"""


def convert(
    bundle_dir: Path,
    out: Path,
    engines: Sequence[str] | None = None,
    sensor: Sensor | None = None,
    threshold: float | None = None,
    alarm: AlarmLevels | None = None,
    golden_windows: int = GOLDEN_ON_BOARD,
    plain: bool = False,
    vectors: bool = False,
) -> list[Path]:
    """Write the C++ for a bundle.

    The same bundle gives the same files, byte for byte. Unchanged files are not written again, so
    that nothing is compiled again.

    Args:
        engines: engines that must be able to run the model. None: an engine that cannot run it
            gets sources that stop a build with the reason; one of the engines must be able to.
        sensor: the board's sensor. None: the emulated board plays recordings, any other board
            takes samples from the host only.
        threshold: the board starts with it, as single precision. None: the bundle's.
        alarm: the board starts with it. None: the bundle's.
        golden_windows: most golden windows in the image.
        plain: leave out the compiled engine's paired kernels, which are fast only on cores with the
            DSP extension. The outputs are the same.
        vectors: leave them out of dense layers, which are faster with the core's vectors.

    Returns:
        The files, sorted.

    Raises:
        BundleError: the bundle fails its checks.
        ConvertError: in one line: no engine, or not one of `engines`, can run the model; or the
            sensor does not measure what the model was trained on.
    """
    bundle = read_bundle(bundle_dir)
    where = f"{bundle.manifest.name}/{bundle.manifest.model.file}"
    model = read_model(bundle.model, where)
    tensors = bundle.manifest.model
    if (model.input.size, model.output.size) != (tensors.input.size, tensors.output.size):
        raise ConvertError(f"{where}: input and output sizes differ from the manifest's")

    files = dict(_golden(bundle, golden_windows))
    reasons = []
    for engine in ENGINES:
        try:
            if engine == "tflm":
                files |= tflm_model(model, bundle.model, where)
            else:
                files |= compile_model(
                    model,
                    bundle.manifest.name,
                    where,
                    plain=plain,
                    vectors=vectors,
                    windows=normal_windows(bundle.golden),
                )
        except ConvertError as problem:
            if engines and engine in engines:
                raise
            reasons.append(problem)
            files |= refused_model(engine, _quotable(str(problem)))
    if len(reasons) == len(ENGINES):
        raise reasons[0]
    files["constants.h"] = _constants(bundle, arena_bytes(model, bundle.model), threshold, alarm)
    files["sensor_constants.h"] = _sensor(bundle.manifest, sensor)
    return write_files(out, files)


def write_files(out: Path, files: dict[str, str]) -> list[Path]:
    """Write each text whose file differs, whole or not at all; returns the files, sorted."""
    for name, text in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.read_bytes() == text.encode():
            continue
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, delete=False, encoding="utf-8"
        ) as file:
            file.write(text)
        Path(file.name).chmod(0o644)
        Path(file.name).replace(path)
    return sorted(out / name for name in files)


def _constants(
    bundle: Bundle, arena: int, threshold: float | None, alarm: AlarmLevels | None
) -> str:
    manifest = bundle.manifest
    includes, chain = chain_text(manifest, alarm)
    headers, segmenter = segmenter_text(manifest)
    includes = sorted({*includes, *headers, "wearer.h"})
    return _CONSTANTS.format(
        generated=cpp.GENERATED,
        name=manifest.name,
        hash=cpp.braced(bundle.hash8),
        version=cpp.braced(firmware_version()),
        window=manifest.segmenter.window,
        hop=manifest.grid.hop,
        span=manifest.grid.span,
        segmenter=f"{segmenter}\n{wearer_text(manifest)}",
        channels=len(manifest.signal.channels),
        input_size=manifest.model.input.size,
        output_size=manifest.model.output.size,
        rate=float_text(manifest.signal.rate_hz or 0.0),
        includes="\n".join(f'#include "{name}"' for name in includes),
        chain=chain,
        threshold=float_text(manifest.threshold.value if threshold is None else threshold),
        from_build="false" if threshold is None else "true",
        model_bytes=manifest.model.bytes,
        model_crc32=manifest.model.crc32,
        arena_bytes=arena,
    )


def firmware_version() -> bytes:
    """This package's version as the firmware reports it: major, minor, patch."""
    numbers = re.findall(r"\d+", metadata.version("vigil-tinyml"))[:3]
    return bytes(min(int(number), 255) for number in [*numbers, "0", "0"][:3])


def _sensor(manifest: Manifest, sensor: Sensor | None) -> str:
    if sensor is None:
        per_channel = [Conversion(2, 1, 0)] * len(manifest.signal.channels)  # unchanged
        kind, name, pins, pin = "none", "none", [], "kNoPin"
        description = "unchanged"
    else:
        per_channel = conversions(manifest, sensor)
        kind, name, pins = sensor.kind, sensor.name, [str(pin) for pin in sensor.lead_off[:2]]
        pin = "kNoPin" if sensor.pin is None else str(sensor.pin)
        scales = dict.fromkeys(zip(sensor.raw_per_unit, sensor.units, strict=True))
        steps = ", ".join(f"{steps:g} steps per {unit}" for steps, unit in scales)
        description = f"{steps}, {sensor.raw_zero:g} stands for zero"
    return _SENSOR.format(
        generated=cpp.GENERATED,
        kind=kind,
        pin=pin,
        lead_off="{" + ", ".join([*pins, "kNoPin", "kNoPin"][:2]) + "}",
        name=name,
        description=description,
        conversions=", ".join(f"{{{c.multiplier}, {c.shift}, {c.offset}}}" for c in per_channel),
    )


def _golden(bundle: Bundle, most: int) -> dict[str, str]:
    golden = bundle.golden
    chosen = _some_of_each(golden.label, most)
    arrays, windows = [], []
    for number, i in enumerate(chosen):
        arrays.append(cpp.array("std::int16_t", f"kCounts{number}", golden.counts[i].ravel()))
        windows.append(
            f"    {{kCounts{number}, {_hash(golden.input[i], golden.output[i]):#010x}U, "
            f"{float_text(float(golden.score[i]))}}},\n"
        )
    return {
        "golden.h": _GOLDEN_HEADER.format(generated=cpp.GENERATED, count=len(chosen)),
        "golden.cpp": _GOLDEN_SOURCE.format(
            generated=cpp.GENERATED, arrays="".join(arrays), windows="".join(windows)
        ),
    }


def _hash(*values: NDArray[np.int8]) -> int:
    """FNV-1a (32 bits) of the bytes, as the detector computes it."""
    state = 2166136261
    for byte in b"".join(each.tobytes() for each in values):
        state = (state ^ byte) * 16777619 & 0xFFFFFFFF
    return state


def _some_of_each(label: NDArray[np.int8], most: int) -> list[int]:
    """Indices of up to `most` windows, taken from each label in turn."""
    queues = [np.flatnonzero(label == value).tolist() for value in (0, 1, -1)]
    chosen: list[int] = []
    while len(chosen) < most and any(queues):
        chosen += [queue.pop(0) for queue in queues if queue]
    return sorted(chosen[:most])


def _quotable(text: str) -> str:
    return text.replace("\\", "/").replace('"', "'")
