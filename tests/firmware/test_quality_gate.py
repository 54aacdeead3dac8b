"""The quality gate against its specification in docs/bundle.md, in unbounded integers."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tools.checkout import LIBRARIES, ROOT
from tools.measure.bench.emulator import FAST, NANO, build, run
from training.native import QualityGate

NEVER = 2**32 - 1
NONE, FLAT, STUCK, RAILED, MAINS = range(5)
CLIPPED = 6
RATE = 360.0


def cosine(hertz: float, rate: float = RATE) -> int:
    return round(math.cos(2 * math.pi * hertz / rate) * 2**15)


def gate(
    *,
    min_range: int = 0,
    min_variation: int = 0,
    max_run: int = NEVER,
    max_extreme: int = NEVER,
    max_mains: int = NEVER,
    lowest: int = -32768,
    highest: int = 32767,
    mains: tuple[float, ...] = (),
    channels: int = 1,
) -> QualityGate:
    limits = (min_range, min_variation, max_run, max_extreme, max_mains, lowest, highest)
    return QualityGate(*([limit] * channels for limit in limits), [cosine(f) for f in mains])


def share(differences: list[int], c: int) -> int:
    """Goertzel's share of the differences' energy, times 65536, by the page's formulas."""
    s1 = s2 = 0
    for d in differences:
        s1, s2 = 4 * d - s2 + 4 * ((c * s1) >> 16), s1
        assert abs(s1) < 2**30
    energy = max(0, s1 * s1 + s2 * s2 - ((c * s1) >> 14) * s2)
    whole = sum(d * d for d in differences) * len(differences)
    if energy >> 50:
        whole >>= 13
    else:
        energy <<= 13
    return energy // whole if whole else 0


def expected(channel: list[int], cosines: list[int]) -> list[int]:
    differences = [b - a for a, b in itertools.pairwise(channel)]
    runs = [len(list(group)) for _, group in itertools.groupby(channel)]
    return [
        max(channel) - min(channel),
        sum(abs(d) for d in differences),
        max(runs),
        max(channel.count(max(channel)), channel.count(min(channel))),
        max((share(differences, c) for c in cosines), default=0),
    ]


@given(
    data=st.data(),
    channels=st.integers(1, 3),
    mains=st.sampled_from([(), (50.0,), (50.0, 60.0)]),
    few=st.booleans(),
)
def test_measures_are_the_formulas_of_the_page(data, channels, mains, few):
    values = st.integers(-2, 2) if few else st.integers(-32768, 32767)
    shape = st.tuples(st.integers(1, 3), st.integers(1, 40), st.just(channels))
    counts = data.draw(hnp.arrays(np.int16, shape, elements=values))
    measured = gate(mains=mains, channels=channels).measure(counts)
    cosines = [cosine(f) for f in mains]
    assert measured.tolist() == [
        [expected(window[:, c].tolist(), cosines) for c in range(channels)] for window in counts
    ]


@pytest.mark.parametrize("hertz", [50.0, 60.0])
def test_the_largest_signal_at_the_frequency_itself_does_not_overflow(hertz):
    t = np.arange(2048)
    loud = np.where(np.sin(2 * np.pi * hertz * t / RATE) >= 0, 32767, -32768).astype(np.int16)
    measured = gate(mains=(hertz,)).measure(loud[None, :, None])[0, 0]
    assert measured.tolist() == expected(loud.tolist(), [cosine(hertz)])
    assert measured[4] > 0.5 * 65536


def test_each_limit_rejects_for_its_own_reason_and_only_beyond_it():
    t = np.arange(180)
    sine = np.rint(100 * np.sin(2 * np.pi * 7 * t / RATE)).astype(np.int16)[None, :, None]
    range_, variation, run, extreme, mains = gate(mains=(60.0,)).measure(sine)[0, 0].tolist()
    cases = [
        (FLAT, {"min_range": range_ + 1}, {"min_range": range_}),
        (FLAT, {"min_variation": variation + 1}, {"min_variation": variation}),
        (STUCK, {"max_run": run - 1}, {"max_run": run}),
        (RAILED, {"max_extreme": extreme - 1}, {"max_extreme": extreme}),
        (MAINS, {"max_mains": mains - 1}, {"max_mains": mains}),
        (CLIPPED, {"lowest": -99}, {"lowest": -100}),
        (CLIPPED, {"highest": 99}, {"highest": 100}),
    ]
    for reason, beyond, at in cases:
        verdicts = [gate(mains=(60.0,), **limits).check(sine)[0] for limits in (beyond, at)]
        assert verdicts == [reason, NONE], (beyond, at)


def test_one_bad_channel_rejects_the_window():
    window = np.zeros((1, 32, 2), np.int16)
    window[0, :, 0] = np.arange(32)
    assert gate(min_range=5, channels=2).check(window).tolist() == [FLAT]
    window[0, :, 1] = np.arange(32)
    assert gate(min_range=5, channels=2).check(window).tolist() == [NONE]


def test_a_window_is_clipped_only_if_no_channel_has_another_reason():
    window = np.zeros((2, 32, 2), np.int16)
    window[:, :, 0] = window[0, :, 1] = np.arange(32)
    window[:, 7, 0] = 32767
    assert gate(min_range=5, highest=32766, channels=2).check(window).tolist() == [CLIPPED, FLAT]


def test_hum_alone_is_a_share_of_one_whatever_its_amplitude():
    t = np.arange(180)
    for amplitude in (3, 30, 30000):
        hum = np.rint(amplitude * np.sin(2 * np.pi * 50 * t / RATE)).astype(np.int16)
        share_of_all = gate(mains=(50.0, 60.0)).measure(hum[None, :, None])[0, 0, 4]
        assert share_of_all == pytest.approx(65536, rel=0.06), amplitude


def test_a_window_too_long_for_its_mains_frequency_is_refused():
    slow = QualityGate([0], [0], [NEVER], [NEVER], [NEVER], [-32768], [32767], [cosine(50, 20_000)])
    with pytest.raises(ValueError, match="too long"):
        slow.check(np.zeros((1, 512, 1), np.int16))


@pytest.mark.toolchain
@pytest.mark.parametrize("flags", [NANO, FAST], ids=["Os", "O2"])
def test_the_gate_takes_the_instructions_per_sample_that_its_page_states(flags, tmp_path):
    source = ROOT / "tests" / "support" / "cpp" / "gate_counter.cpp"
    signal = LIBRARIES / "signal"
    includes = [signal, LIBRARIES / "span"]
    elf = build([source, signal / "quality_gate.cpp"], includes, tmp_path / "gate.elf", flags)
    without, with_mains = (line.split() for line in run(elf, tmp_path).splitlines())
    assert (without[0], with_mains[0]) == ("0", "0"), "the window is judged"
    assert (round(float(without[1])), round(float(with_mains[1]))) == (16, 29)
