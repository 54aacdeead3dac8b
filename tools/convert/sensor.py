"""Converts a sensor's raw values into the counts that a model was trained on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from training.bundle.errors import ConvertError
from training.bundle.manifest import Manifest

_MAX_MULTIPLIER = 2**31 - 1
# Families of units; each value is the unit in terms of the first one.
_FAMILIES = (
    {"V": 1.0, "mV": 1e-3, "uV": 1e-6, "µV": 1e-6},
    {"g": 1.0, "mg": 1e-3, "m/s^2": 1 / 9.80665, "m/s2": 1 / 9.80665, "m/s²": 1 / 9.80665},
    {"dps": 1.0, "deg/s": 1.0, "°/s": 1.0, "rad/s": 180 / math.pi},
    {"gauss": 1.0, "G": 1.0, "uT": 0.01, "µT": 0.01},
    {"raw": 1.0},
)
_RAW = "raw"  # counts of the converter or of the registers, whatever the sensor measures


@dataclass(frozen=True)
class Sensor:
    """The raw values of a sensor: physical value [unit] = (raw - raw_zero) / raw_per_unit."""

    key: str  # name on the command line
    name: str  # name on screen, at most 31 bytes
    kind: Literal["analog", "lsm9ds1", "bmi270"]  # an analog pin, or a board's inertial sensor
    units: tuple[str, ...]  # unit of the physical value, per channel
    raw_per_unit: tuple[float, ...]  # raw steps per unit, per channel
    fastest_hz: float  # highest sample rate
    raw_zero: float = 0.0  # raw value of a physical zero
    # library that the image needs besides, as PlatformIO's lib_deps names it
    library: str | None = None
    pin: int | None = None  # Arduino's number of the analog pin
    # Arduino's numbers of the pins that are high while an electrode is off
    lead_off: tuple[int, ...] = ()


@dataclass(frozen=True)
class Conversion:
    """count = offset + (raw * multiplier + 2^(shift-1)) >> shift, clamped to int16."""

    multiplier: int
    shift: int
    offset: int


def conversions(manifest: Manifest, sensor: Sensor) -> list[Conversion]:
    """From raw values to the model's counts, one per channel.

    Raises:
        ConvertError: this sensor does not measure what the model was trained on.
    """
    signal, name = manifest.signal, manifest.name
    if signal.rate_hz is None:
        raise ConvertError(
            f"{name}: its training data have no sample rate, so no sensor can be read at it; "
            "stream recordings to the board instead"
        )
    if signal.rate_is_nominal or not set(signal.units) <= {u for f in _FAMILIES for u in f}:
        units = ", ".join(sorted(set(signal.units)))
        rate = f"{signal.rate_hz:g} Hz{', a nominal rate' if signal.rate_is_nominal else ''}"
        raise ConvertError(
            f"{name}: trained on data in '{units}' at {rate}: no sensor measures that; train on a "
            "recording in volts, g or raw counts at its own rate, or stream recordings to the board"
        )
    if len(signal.channels) != len(sensor.units):
        raise ConvertError(
            f"{name}: trained on {len(signal.channels)} channels "
            f"({', '.join(signal.channels)}), but {sensor.name} gives {len(sensor.units)}; choose "
            "another sensor, or train on its channels"
        )
    if signal.rate_hz > sensor.fastest_hz:
        raise ConvertError(
            f"{name}: trained on {signal.rate_hz:g} samples per second, but {sensor.name} gives "
            f"at most {sensor.fastest_hz:g}; train at a lower rate"
        )
    return [
        _conversion(gain, offset, *_scale(name, sensor, channel, unit), sensor)
        for channel, (gain, offset, unit) in enumerate(
            zip(signal.gain, signal.offset, signal.units, strict=True)
        )
    ]


def _scale(name: str, sensor: Sensor, channel: int, unit: str) -> tuple[float, float]:
    """The number of the model's units per raw step of a channel, and the raw value of zero."""
    if unit == _RAW:
        return 1.0, 0.0
    own = sensor.units[channel]
    for family in _FAMILIES:
        if unit in family and own in family:
            return family[own] / family[unit] / sensor.raw_per_unit[channel], sensor.raw_zero
    raise ConvertError(
        f"{name}: trained on data in {unit}, but {sensor.name} measures {own}; choose "
        "another sensor"
    )


def _conversion(
    gain: float, offset: int, units_per_raw: float, raw_zero: float, sensor: Sensor
) -> Conversion:
    counts_per_raw = gain * units_per_raw
    shift = min(max(30 - math.frexp(abs(counts_per_raw))[1], 1), 62)
    multiplier = round(counts_per_raw * 2.0**shift)
    if abs(multiplier) > _MAX_MULTIPLIER or multiplier == 0:
        raise ConvertError(
            f"a gain of {gain:g} counts per unit does not fit {sensor.name}, one step of which "
            f"would be {counts_per_raw:g} counts; train on data in another unit"
        )
    return Conversion(multiplier, shift, round(offset - raw_zero * counts_per_raw))
