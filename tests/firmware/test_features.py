"""Features against their specification in docs/bundle.md: integers exactly, and floats nearly."""

from __future__ import annotations

import itertools
import math
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tools.checkout import LIBRARIES, ROOT
from tools.measure.bench.emulator import FAST, NANO, build, run
from training.bundle.features import (
    STATISTICS,
    band_edges,
    make_features,
    make_transform,
    transform_points,
)

SIGNAL = LIBRARIES / "signal"
SOURCES = [SIGNAL / f"{name}.cpp" for name in ("fourier", "spectrum", "statistics", "scaler")]

EXTREMES = ROOT / "tests/support/cpp/feature_extremes.cpp"


def log2_steps(value: int) -> int:
    """The page's logarithm, in steps of 1/2048."""
    if value == 0:
        return 0
    exponent = value.bit_length() - 1
    f = ((value << 16) >> exponent) - 65536
    bulge = (f * (65536 - f) >> 16) * (28752 - ((15667 - (5382 * f >> 16)) * f >> 16)) >> 16
    return ((exponent << 16) + f + bulge + 16) >> 5


def rounded(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)


def statistics(x: list[int]) -> list[int]:
    """The page's statistics of a channel, in unbounded integers."""
    n, total = len(x), sum(x)
    variance = log2_steps(n * sum(v * v for v in x) - total * total + n * n // 12)
    y = [n * v - total for v in x]
    peak = max(map(abs, y))
    shift = next(s for s in range(64) if (peak + (1 << s >> 1)) >> s < 1024)
    z = [(v + (1 << shift >> 1)) >> shift for v in y]
    assert max(map(abs, z)) < 1024
    second, fourth, count = sum(v**2 for v in z), sum(v**4 for v in z), n >> shift
    second_noisy = second + n * count**2 // 12
    fourth_noisy = fourth + second * count**2 // 2 + n * count**4 // 80
    weighted = sum((2 * t - n + 1) * v for t, v in enumerate(x))
    slope = rounded(6 * weighted, n * n - 1) if n > 1 else 0
    squares = sum((b - a) ** 2 for a, b in itertools.pairwise(x))
    return [
        rounded(total, n),
        (variance - 2 * log2_steps(n) + 2) >> 2,
        (log2_steps(max(x) - min(x) + 1) + 1) >> 1,
        (2 * log2_steps(peak + n // 2) - variance + 2) >> 2,
        (log2_steps(n) + log2_steps(fourth_noisy) - 2 * log2_steps(second_noisy) + 1) >> 1,
        sum((a < 0) != (b < 0) for a, b in itertools.pairwise(y)),
        max(-32768, min(32767, slope)),
        (log2_steps(squares + (n - 1) // 6) - log2_steps(n - 1) + 2) >> 2,
    ]


def extremes(frames: int, channels: int) -> np.ndarray:
    """Windows at the ends of int16: low, high, alternating, steps, a spike, one count, a ramp."""
    t = np.arange(frames)
    low, high = -32768, 32767
    shapes = [
        np.full(frames, low),
        np.full(frames, high),
        np.where(t % 2 == 0, low, high),
        np.where(t < frames // 2, low, high),
        np.where(t < frames // 2, high, low),
        np.where(t == frames // 3, high, low),
        np.where(t == 0, 1, 0),
        np.linspace(low, high, frames),
        np.zeros(frames),
    ]
    return np.stack(shapes).astype(np.int16)[:, :, None].repeat(channels, axis=2)


@given(data=st.data(), channels=st.integers(1, 3), size=st.sampled_from([2, 200, 32767]))
def test_statistics_are_the_formulas_of_the_page(data, channels, size):
    shape = st.tuples(st.integers(1, 3), st.integers(1, 40), st.just(channels))
    counts = data.draw(hnp.arrays(np.int16, shape, elements=st.integers(-size - 1, size)))
    features = make_features(STATISTICS, [], counts.shape[1], channels).measure(counts)
    assert features.reshape(len(counts), channels, 8).tolist() == [
        [statistics([int(v) for v in window[:, c]]) for c in range(channels)] for window in counts
    ]


@pytest.mark.parametrize("frames", [1, 2, 3, 127, 128, 4095, 4096])
def test_statistics_hold_at_the_ends_of_their_range(frames):
    counts = extremes(frames, 1)
    features = make_features(STATISTICS, [], frames, 1).measure(counts)
    assert features.tolist() == [statistics(window[:, 0].tolist()) for window in counts]


def test_a_set_of_statistics_is_a_part_of_all():
    counts = np.random.default_rng(1).normal(0, 900, (5, 64, 2)).astype(np.int16)
    all_of_them = make_features(STATISTICS, [], 64, 2).measure(counts).reshape(5, 2, 8)
    for chosen in (["mean"], ["deviation", "kurtosis"], ["crest", "slope", "differences"]):
        columns = [STATISTICS.index(name) for name in chosen]
        some = make_features(chosen, [], 64, 2).measure(counts)
        assert np.array_equal(some.reshape(5, 2, -1), all_of_them[:, :, columns])


def noisy_tones(rng: np.random.Generator, frames: int, amplitude: float) -> np.ndarray:
    t = np.arange(frames)[None, :, None]
    tone = np.sin(rng.uniform(0, np.pi, (8, 1, 2)) * t + rng.uniform(0, 6, (8, 1, 2)))
    counts = amplitude * (tone + rng.normal(0, 0.3, (8, frames, 2)) + rng.normal(0, 0.5, (8, 1, 2)))
    return np.clip(np.rint(counts), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("frames", [16, 100, 128, 1000, 4096])
@pytest.mark.parametrize("amplitude", [5, 100, 3000, 20000])
def test_statistics_are_near_those_in_floating_point(frames, amplitude):
    counts = noisy_tones(np.random.default_rng(frames), frames, amplitude)
    features = make_features(STATISTICS, [], frames, 2).measure(counts).reshape(8, 2, 8)
    x = counts.astype(np.float64)
    y = x - x.mean(axis=1, keepdims=True)
    second = (y**2).mean(axis=1)
    variance = second + 1 / 12
    fourth = (y**4).mean(axis=1) + second / 2 + 1 / 80
    t = np.arange(frames) - (frames - 1) / 2
    slope = (y * t[:, None]).sum(axis=1) * frames / (t**2).sum()
    squares = (np.diff(x, axis=1) ** 2).sum(axis=1) / (frames - 1)
    expected = [
        x.mean(axis=1),
        512 * np.log2(variance),
        1024 * np.log2(np.ptp(x, axis=1) + 1),
        1024 * np.log2((np.abs(y).max(axis=1) + 0.5) / np.sqrt(variance)),
        1024 * np.log2(fourth / variance**2),
        (np.diff(y < 0, axis=1) != 0).sum(axis=1),
        np.clip(slope, -32768, 32767),
        512 * np.log2(squares + 1 / 6),
    ]
    # The page states 2 steps of 1/1024, 6 for the kurtosis, whose values have 10 bits, and 10 for
    # a few counts in a short window, where the noise of one count is rounded down.
    few = frames < 100 and amplitude < 100
    for i, values in enumerate(expected):
        largest = np.abs(features[:, :, i] - values).max()
        assert largest <= (10 if few else 6 if i == 4 else 2), STATISTICS[i]


@pytest.mark.parametrize("frames", [16, 100, 128, 1000, 4096])
@pytest.mark.parametrize("amplitude", [5, 100, 3000, 20000])
def test_band_energies_are_near_those_in_floating_point(frames, amplitude):
    counts = noisy_tones(np.random.default_rng(frames), frames, amplitude)
    edges = band_edges(frames, 8)
    features = make_features([], edges, frames, 2).measure(counts).reshape(8, 2, 8)
    n = transform_points(frames)
    hann = np.sin(np.pi * (np.arange(frames) + 0.5) / frames) ** 2
    mean = np.floor(counts.mean(axis=1, dtype=np.float64) + 0.5)[:, None]
    bins = np.fft.rfft((counts - mean) * hann[:, None], n, axis=1) / n
    power = np.abs(bins) ** 2 + (hann**2).sum() / (12 * n * n)
    expected = [512 * np.log2(power[:, a:b].sum(axis=1)) for a, b in itertools.pairwise(edges)]
    # The page states 30 steps of 1/1024 for signals of few counts, and 5 from 100 counts on.
    assert np.abs(features - np.stack(expected, -1)).max() <= (30 if amplitude < 100 else 5)


def test_a_tone_is_in_the_band_of_its_frequency():
    t = np.arange(128)
    edges = list(range(1, 66))  # a band per bin
    for k in (1, 7, 33, 63, 64):
        counts = np.rint(3000 * np.cos(2 * np.pi * k * t / 128)).astype(np.int16)
        bands = make_features([], edges, 128, 1).measure(counts[None, :, None])[0]
        assert bands.argmax() + 1 == k
        far = np.abs(np.arange(1, 65) - k) > 3
        assert bands[far].max() < bands.max() - 9 * 1024, "the window's side lobes are 54 dB down"


@pytest.mark.parametrize("frames", [1, 4, 100, 2049, 4096])
def test_band_energies_hold_at_the_ends_of_their_range(frames):
    counts = extremes(frames, 2)
    edges = band_edges(frames, min(8, transform_points(frames) // 2))
    bands = make_features([], edges, frames, 2).measure(counts)
    flat = bands[[0, 1, 8]]
    floor = [
        512 * math.log2(make_transform(frames).noise * (b - a)) - 14 * 1024
        for a, b in itertools.pairwise(edges)
    ]
    assert np.abs(flat - np.tile(floor, 2)).max() <= 30, "a flat line has the noise of one count"
    assert bands.max() < 17 * 1024


@pytest.mark.parametrize(("frames", "bands"), [(1, 2), (4, 2), (16, 8), (128, 16), (100, 64)])
def test_bands_cover_the_bins_and_widen(frames, bands):
    edges = band_edges(frames, bands)
    widths = np.diff(edges)
    assert len(widths) == bands
    assert (edges[0], edges[-1]) == (1, transform_points(frames) // 2 + 1)
    assert widths.min() >= 1 and widths[-1] == widths.max()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_features(["mean"], [], 4097, 1).measure(np.zeros((1, 4097, 1), np.int16)),
         "at most 4096 frames"),
        (lambda: make_features([], [1, 3], 16, 1).measure(np.zeros((1, 15, 1), np.int16)),
         "as many frames"),
        (lambda: make_features([], [1, 10], 16, 1), "1..N/2"),
        (lambda: make_features([], [0, 3], 16, 1), "1..N/2"),
        (lambda: make_features([], [3, 3], 16, 1), "ascend"),
        (lambda: make_features([], [3], 16, 1), "two entries"),
    ],
)  # fmt: skip
def test_what_the_integers_do_not_allow_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.fixture(scope="module")
def digests(tmp_path_factory):
    """Digests of the features of extreme windows, on the host, under the sanitizers."""
    program = tmp_path_factory.mktemp("features") / "features"
    flags = "-std=c++17 -O1 -Wall -Wextra -Werror -fsanitize=address,undefined"
    command = ["g++", *flags.split(), "-fno-sanitize-recover=all", f"-I{SIGNAL}"]
    command += [f"-I{LIBRARIES / 'span'}", str(EXTREMES)]
    subprocess.run([*command, *map(str, SOURCES), "-o", str(program)], check=True)
    done = subprocess.run([program], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_sanitizer_finds_no_undefined_behaviour(digests):
    """All extremes, windows of 1 to 4096 frames, up to 16 channels, through the board's stage."""
    assert [line.split()[0] for line in digests.splitlines()] == ["2", "4", "32", "64", "2048"]


@pytest.mark.toolchain
@pytest.mark.parametrize("flags", [NANO, FAST], ids=["Os", "O2"])
def test_features_of_extreme_windows_are_the_same_on_the_board(flags, digests, tmp_path):
    elf = build([EXTREMES, *SOURCES], [SIGNAL, LIBRARIES / "span"], tmp_path / "f.elf", flags)
    assert run(elf, tmp_path) == digests


@pytest.mark.toolchain
@pytest.mark.parametrize("flags", [NANO, FAST], ids=["Os", "O2"])
def test_features_take_the_instructions_that_the_page_states(flags, tmp_path):
    source = ROOT / "tests/support/cpp/feature_counter.cpp"
    elf = build([source, *SOURCES], [SIGNAL, LIBRARIES / "span"], tmp_path / "f.elf", flags)
    statistics, spectrum = map(int, run(elf, tmp_path).split())
    assert statistics <= 4000
    assert spectrum <= 6850
