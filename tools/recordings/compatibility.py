"""Checks that a file's units and sample rate are those that the model was trained on.

The scores of any other signal would be meaningless, and nothing in the numbers would show it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from training.bundle.errors import DataError
from training.bundle.manifest import Signal
from training.bundle.wording import plural
from training.data.files.consistency import same_unit

RATE_TOLERANCE = 1e-3  # files round their sample rate to a few digits


def check_channels(name: str, channels: Sequence[str], trained: Signal) -> None:
    """Raise DataError unless `name` has as many channels as the model."""
    if len(channels) != len(trained.channels):
        raise DataError(
            f"{name}: {len(channels)} {plural('channel', len(channels))} ({', '.join(channels)}), "
            f"but the model was trained on {len(trained.channels)} ({', '.join(trained.channels)})"
        )


def check_units(name: str, channels: Sequence[str], units: Sequence[str], trained: Signal) -> None:
    """Raise DataError if a channel has another unit; a unit that is not given is accepted."""
    for channel, unit, wanted in zip(channels, units, trained.units, strict=True):
        if not same_unit(unit, wanted):
            raise DataError(
                f"{name}: channel {channel} is in {unit}, but the model was trained on {wanted}: "
                f"convert its values and name the unit {wanted}"
            )


def check_rate(name: str, rate_hz: float | None, trained: Signal) -> None:
    """Raise DataError if the sample rate differs from the model's; an unknown rate is accepted."""
    wanted = trained.rate_hz
    if rate_hz is None or wanted is None:
        return
    if not math.isclose(rate_hz, wanted, rel_tol=RATE_TOLERANCE):
        convert = f"name the model NAME@{rate_hz:g} to convert on the board, or train on this rate"
        if trained.rate_is_nominal:  # it converts no rate
            convert = "resample the pieces, or train a model of this recording"
        raise DataError(
            f"{name}: {rate_hz:g} frames per second, but the model's samples have {wanted:g}: "
            f"{convert}"
        )
