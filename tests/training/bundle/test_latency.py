"""The latency that a report states, against the chain itself."""

import numpy as np
import pytest

from tests.support.ecg import ecg, regular_peaks
from tools.measure.bench.small_bundle import small_bundle
from training.beats import beats_at
from training.bundle.latency import latencies
from training.bundle.manifest import Biquads
from training.bundle.segment import segmenter_of
from training.filters import design
from training.resampling import at_rate

RATE = 180.0


@pytest.mark.parametrize("rate", [180, 250, 512])
def test_beats_are_reported_within_the_stated_samples(tmp_path, rate):
    model = small_bundle(
        tmp_path / "b", window=144, segmenter=beats_at(RATE, 144, 54), rate_hz=RATE
    ).manifest
    m = model if rate == RATE else at_rate(model, float(rate))
    stages = latencies(m)
    names = ["beats"] if rate == RATE else ["rate conversion", "beats"]
    assert [stage.stage for stage in stages] == names
    frames = ecg(regular_peaks(rate, 20), rate, 20 * rate)[:, None]
    segmenter, waits = segmenter_of(m), []
    for at in range(len(frames)):
        found = segmenter.push(at, frames[at : at + 1])
        waits += [at - (first + m.grid.before) for first in found.first.tolist()]
    total = sum(stage.samples for stage in stages)
    hop = m.grid.hop
    assert len(waits) > 10 and total - hop - 3 <= min(waits) <= max(waits) <= total + 1


def test_a_filter_adds_its_group_delay(tmp_path):
    m = small_bundle(
        tmp_path / "b",
        window=64,
        hop=64,
        rate_hz=RATE,
        filter=Biquads(kind="biquads", sections=design(RATE, 0.5, 40), delay=2.5),
    ).manifest
    assert [(each.stage, each.samples) for each in latencies(m)] == [
        ("filter", 2.5),
        ("windows", 64),
    ]
    frames = np.zeros((640, 1), np.int16)
    segmenter = segmenter_of(m)
    assert len(segmenter.push(0, frames[:63]).index) == 0
    assert len(segmenter.push(63, frames[63:64]).index) == 1
