"""Figures of TensorFlow Lite Micro's reference kernels, which the bench cannot measure.

The Arduino library (Chirale_TensorFLowLite 2.0.0) contains only the CMSIS-NN kernels. The reference
kernels were counted once on an emulated Cortex-M4 with arm-none-eabi-gcc 12.2.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.measure.bench.row import Row

LIBRARY = "Chirale_TensorFLowLite 2.0.0"
VERSIONS = f"{LIBRARY}, arm-none-eabi-gcc 12.2"
CMSIS, REFERENCE = "TFLM, CMSIS-NN", "TFLM, reference kernels"
# By case: multiply-accumulates of the model that was counted, instructions per inference at -O2,
# modelled cycles per multiply-accumulate.
_FIGURES = {
    "ad01": (264_192, 1_953_527, 10.6),
    "ecg": (10_240, 87_909, None),
}


def rows(case: str, macs: int) -> Iterator[Row]:
    """Yield the recorded row of `case`, if the model has as many MACs as the recorded one."""
    if case not in _FIGURES:
        return
    known, instructions, per_mac = _FIGURES[case]
    if macs == known:
        cycles = None if per_mac is None else per_mac * macs
        yield Row(case, REFERENCE, "-O2", macs, instructions, cycles, recorded=VERSIONS)
