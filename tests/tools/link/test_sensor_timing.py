"""The host reports the rate of a sensor with a clock of its own."""

from __future__ import annotations

import struct

from tools.link import messages as m
from tools.link.explain import explain_timing


def test_rate_repeats_and_skips_are_stated() -> None:
    timing = struct.pack("<3I", 121_300, 2, 213)
    assert explain_timing(m.Sampling(sensor="LSM9DS1", taken=1000, timing=timing)) == (
        "LSM9DS1 measures at 121.3 Hz by its own clock: of 1,000 samples, 2 repeat the one "
        "before; 213 measurements were not taken"
    )


def test_a_sensor_without_a_clock_and_older_firmware_state_nothing() -> None:
    assert explain_timing(m.Sampling(sensor="A0", taken=1000)) == ""
    assert explain_timing(m.Sampling(sensor="A0", taken=1000, timing=b"\0" * 8)) == ""
