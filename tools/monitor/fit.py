"""Whether what a file holds is what the model was trained on: the same units, the same rate.

Scores of anything else mean nothing, and nothing in the numbers tells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from training.bundle.errors import DataError

NO_UNIT = {"", "count", "nu", "nd"}  # a recording's and WFDB's words for a unit nobody gave
SPELLED = {"µ": "u", "μ": "u", "²": "^2", "°": "deg", " ": "_"}
RATE_TOLERANCE = 1e-3  # a file's rate is written with a few digits, and no clock is exact


class Trained(Protocol):
    """What of a manifest's signal is compared."""

    @property
    def units(self) -> Sequence[str]:
        """One a channel."""

    @property
    def rate_hz(self) -> float | None:
        """Frames per second; None: not known."""


def check_units(name: str, channels: Sequence[str], units: Sequence[str], trained: Trained) -> None:
    """DataError where a channel has another unit; one that either side leaves out is taken."""
    for channel, unit, wanted in zip(channels, units, trained.units, strict=True):
        given, asked = _spelled(unit), _spelled(wanted)
        if given != asked and not {given.lower(), asked.lower()} & NO_UNIT:
            raise DataError(
                f"{name}: channel {channel} is in {unit}, but the model was trained on {wanted}: "
                f"convert its values and name the unit {wanted}"
            )


def check_rate(name: str, rate_hz: float | None, trained: Trained) -> None:
    """DataError for another rate than the model's; one that is not known is taken."""
    wanted = trained.rate_hz
    if rate_hz is None or wanted is None:
        return
    if not math.isclose(rate_hz, wanted, rel_tol=RATE_TOLERANCE):
        raise DataError(
            f"{name}: {rate_hz:g} frames a second, but the model was trained on {wanted:g}: "
            f"resample it to {wanted:g} Hz, or train on this rate"
        )


def _spelled(unit: str) -> str:
    """One spelling of those in use: m/s² and m/s^2, µV and uV."""
    for before, after in SPELLED.items():
        unit = unit.replace(before, after)
    return unit
