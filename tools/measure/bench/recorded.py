"""TensorFlow Lite Micro's figures from another machine, for where its library is not at hand.

Emulated Cortex-M4, arm-none-eabi-gcc 12.2, Chirale_TensorFLowLite 2.0.0 (TensorFlow Lite Micro of
2024). Measured on MLPerf Tiny's ad01 and on a 140-32-16-8-16-32-140 autoencoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.measure.bench.bench import Row

LIBRARY = "Chirale_TensorFLowLite 2.0.0"
VERSIONS = f"{LIBRARY}, arm-none-eabi-gcc 12.2"
CMSIS, REFERENCE = "TFLM, CMSIS-NN", "TFLM, reference kernels"
# Engine, flags, instructions an inference, cycles of the model for one multiply-accumulate.
_FIGURES = {
    "ad01": (
        264_192,
        (
            (CMSIS, "-O2", 582_875, 2.74),
            (CMSIS, "-Os", 844_968, 4.29),
            (REFERENCE, "-O2", 1_953_527, 10.6),
        ),
    ),
    "ecg": (
        10_240,
        (
            (CMSIS, "-O2", 33_951, None),
            (CMSIS, "-Os", 43_898, None),
            (REFERENCE, "-O2", 87_909, None),
        ),
    ),
}


def rows(case: str, macs: int) -> Iterator[Row]:
    """The recorded rows of a case, none for a model of another size than the recorded one."""
    from tools.measure.bench.bench import Row

    known, figures = _FIGURES.get(case, (0, ()))
    if macs != known:
        return
    for engine, flags, instructions, per_mac in figures:
        cycles = None if per_mac is None else per_mac * macs
        yield Row(case, engine, flags, macs, instructions, cycles, recorded=VERSIONS)
