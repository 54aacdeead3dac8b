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
)


@dataclass(frozen=True)
class Sensor:
    """The raw values of a sensor: physical value [unit] = (raw - raw_zero) / raw_per_unit."""

    key: str  # name on the command line
    name: str  # name on screen, at most 31 bytes
    kind: Literal["analog", "imu"]  # an analog pin, or the board's accelerometer
    unit: str  # unit of the physical value
    raw_per_unit: float  # raw steps per unit
    fastest_hz: float  # highest sample rate
    raw_zero: float = 0.0  # raw value of a physical zero
    channels: int = 1  # values per sample
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
    if signal.rate_is_nominal or not any(set(signal.units) <= set(f) for f in _FAMILIES):
        units = ", ".join(sorted(set(signal.units)))
        rate = f"{signal.rate_hz:g} Hz{', a nominal rate' if signal.rate_is_nominal else ''}"
        raise ConvertError(
            f"{name}: trained on data in '{units}' at {rate}: no sensor measures that; train on a "
            "recording in volts or g at its own rate, or stream recordings to the board"
        )
    if len(signal.channels) != sensor.channels:
        raise ConvertError(
            f"{name}: trained on {len(signal.channels)} channels "
            f"({', '.join(signal.channels)}), but {sensor.name} gives {sensor.channels}; choose "
            "another sensor, or train on its channels"
        )
    if signal.rate_hz > sensor.fastest_hz:
        raise ConvertError(
            f"{name}: trained on {signal.rate_hz:g} samples per second, but {sensor.name} gives "
            f"at most {sensor.fastest_hz:g}; train at a lower rate"
        )
    return [
        _conversion(gain, offset, _factor(name, sensor, unit), sensor)
        for gain, offset, unit in zip(signal.gain, signal.offset, signal.units, strict=True)
    ]


def _factor(name: str, sensor: Sensor, unit: str) -> float:
    """The number of the model's units in one of the sensor's."""
    for family in _FAMILIES:
        if unit in family and sensor.unit in family:
            return family[sensor.unit] / family[unit]
    raise ConvertError(
        f"{name}: trained on data in {unit}, but {sensor.name} measures {sensor.unit}; choose "
        "another sensor"
    )


def _conversion(gain: float, offset: int, factor: float, sensor: Sensor) -> Conversion:
    counts_per_raw = gain * factor / sensor.raw_per_unit
    shift = min(max(30 - math.frexp(abs(counts_per_raw))[1], 1), 62)
    multiplier = round(counts_per_raw * 2.0**shift)
    if abs(multiplier) > _MAX_MULTIPLIER or multiplier == 0:
        raise ConvertError(
            f"a gain of {gain:g} counts per unit does not fit {sensor.name}, one step of which "
            f"would be {counts_per_raw:g} counts; train on data in another unit"
        )
    return Conversion(multiplier, shift, round(offset - sensor.raw_zero * counts_per_raw))
