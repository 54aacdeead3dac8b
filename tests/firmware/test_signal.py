"""The signal chain against its specification in docs/bundle.md, in unbounded integers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from training.native import (
    AffineScaler,
    PerWindowScaler,
    ReconstructionError,
    Segmenter,
    integer_sqrt,
)

int16s = st.integers(-32768, 32767)
int8s = st.integers(-128, 127)


def saturate(value: int) -> int:
    return max(-128, min(127, value))


def windows(channels: int) -> st.SearchStrategy[np.ndarray]:
    shape = st.tuples(st.integers(1, 3), st.integers(1, 40), st.just(channels))
    return hnp.arrays(np.int16, shape, elements=int16s)


# --- scalers ------------------------------------------------------------------------------------


@given(data=st.data(), channels=st.integers(1, 3), shift=st.integers(18, 62), zero_point=int8s)
def test_affine_scaler_is_the_formula_of_the_page(data, channels, shift, zero_point):
    center = data.draw(st.lists(int16s, min_size=channels, max_size=channels))
    multiplier = data.draw(
        st.lists(st.integers(0, 2**31 - 1), min_size=channels, max_size=channels)
    )
    counts = data.draw(windows(channels))
    scaled = AffineScaler(center, multiplier, shift, zero_point).scale(counts)
    expected = [
        [
            saturate(
                zero_point + (((int(x) - center[c]) * multiplier[c] + (1 << (shift - 1))) >> shift)
            )
            for frame in window
            for c, x in enumerate(frame)
        ]
        for window in counts
    ]
    assert scaled.tolist() == expected


def test_affine_scaler_rounds_to_nearest_and_saturates_rather_than_wraps():
    scaler = AffineScaler([100], [1 << 20], 22, 0)  # a quarter of a step per count
    counts = np.array([[[100], [101], [102], [103], [-32768], [32767]]], np.int16)
    assert scaler.scale(counts).tolist() == [[0, 0, 1, 1, -128, 127]]


@given(
    data=st.data(),
    channels=st.integers(1, 3),
    min_deviation=st.integers(0, 65535),
    steps=st.integers(0, 2**23 - 1),
    zero_point=int8s,
)
def test_per_window_scaler_is_the_formula_of_the_page(
    data, channels, min_deviation, steps, zero_point
):
    counts = data.draw(windows(channels))
    scaled = PerWindowScaler(channels, min_deviation, steps, zero_point).scale(counts)
    n = counts.shape[1]
    for window, got in zip(counts, scaled.reshape(counts.shape), strict=True):
        for c in range(channels):
            x = [int(v) for v in window[:, c]]
            spread = math.isqrt(n * sum(v * v for v in x) - sum(x) ** 2)
            reciprocal = (steps << 24) // max(spread, n * min_deviation, 1)
            assert got[:, c].tolist() == [
                saturate(zero_point + (((n * v - sum(x)) * reciprocal + 2**39) >> 40)) for v in x
            ]


def test_per_window_scaler_ignores_gain_and_offset_of_the_sensor():
    rng = np.random.default_rng(0)
    wave = (4000 * np.sin(np.arange(200) / 7) + rng.normal(0, 300, 200)).astype(np.int16)
    scaler = PerWindowScaler(1, 1, 32 << 16, 0)
    plain = scaler.scale(wave.reshape(1, 200, 1))
    moved = scaler.scale((wave * 3 + 5000).astype(np.int16).reshape(1, 200, 1))
    assert np.abs(plain.astype(int) - moved).max() <= 1
    assert abs(plain.astype(float).std() - 32) < 1


def test_per_window_scaler_holds_at_the_corners_of_its_range():
    counts = np.full((1, 32768, 1), -32768, np.int16)
    counts[0, 0] = 32767  # one spike: the furthest that a sample can be from its mean
    scaled = PerWindowScaler(1, 0, 2**23 - 1, 0).scale(counts)
    assert scaled[0, 0] == 127
    assert set(scaled[0, 1:].tolist()) == {-1}


def test_a_flat_line_stays_flat():
    counts = np.full((1, 64, 1), 1234, np.int16)
    assert set(PerWindowScaler(1, 4, 2**21, -7).scale(counts)[0].tolist()) == {-7}


@given(st.integers(0, 2**64 - 1))
def test_integer_sqrt(value):
    assert integer_sqrt(value) == math.isqrt(value)


@pytest.mark.parametrize("root", [1, 2, 65535, 65536, 2**32 - 1])
def test_integer_sqrt_around_squares(root):
    assert integer_sqrt(root * root) == root
    assert integer_sqrt(root * root - 1) == root - 1


# --- score --------------------------------------------------------------------------------------


@given(
    data=st.data(),
    kind=st.sampled_from(["mse", "mae"]),
    weights=st.tuples(st.integers(1, 16384), st.integers(1, 16384)),
    zero_points=st.tuples(int8s, int8s),
    factor=st.floats(2.0**-60, 1.0, width=32),
)
def test_score_is_one_exact_sum_and_one_multiplication(data, kind, weights, zero_points, factor):
    shape = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 50)))
    x = data.draw(hnp.arrays(np.int8, shape, elements=int8s))
    y = data.draw(hnp.arrays(np.int8, shape, elements=int8s))
    got = ReconstructionError(kind, *weights, *zero_points, factor).score(x, y)
    for row_x, row_y, value in zip(x.tolist(), y.tolist(), got, strict=True):
        e = [
            weights[0] * (i - zero_points[0]) - weights[1] * (o - zero_points[1])
            for i, o in zip(row_x, row_y, strict=True)
        ]
        total = sum(v * v for v in e) if kind == "mse" else sum(abs(v) for v in e)
        # np.float32(int) goes through double, which rounds twice; this sum rounds once.
        expected = np.uint64(total).astype(np.float32) * np.float32(factor)
        assert value.tobytes() == expected.tobytes()


def test_score_of_a_perfect_reconstruction_is_zero():
    x = np.arange(-128, 128, dtype=np.int8).reshape(1, 256)
    assert ReconstructionError("mse", 9000, 9000, 3, 3, 1e-9).score(x, x)[0] == 0


# --- segmenter ----------------------------------------------------------------------------------


def segment_by_definition(
    present: list[bool], window: int, hop: int
) -> tuple[list[int], list[int]]:
    """Windows that are whole, and windows that begin before the last frame seen but miss one."""
    last = max((i for i, here in enumerate(present) if here), default=-1)
    whole, lost = [], []
    k = 0
    while k * hop + window - 1 <= last or k * hop <= last:
        frames = present[k * hop : k * hop + window]
        if len(frames) == window and all(frames):
            whole.append(k)
        elif any(not here for here in frames[: last - k * hop + 1]):
            lost.append(k)
        k += 1
    return whole, lost


@given(
    data=st.data(),
    window=st.integers(1, 12),
    hop=st.integers(1, 15),
    channels=st.integers(1, 3),
)
def test_windows_lie_at_absolute_frames_and_gaps_cost_only_what_they_touch(
    data, window, hop, channels
):
    total = data.draw(st.integers(0, 120))
    signal = np.arange(total * channels, dtype=np.int16).reshape(total, channels)
    present = [False] * total
    segmenter = Segmenter(window, hop, channels)
    by_index: dict[int, np.ndarray] = {}
    lost: list[int] = []
    at = 0
    while at < total:
        step = data.draw(st.integers(1, 30))
        if data.draw(st.integers(0, 3)) > 0:
            back = data.draw(st.integers(0, 5))  # frames that came already do no harm
            first = max(0, at - back) if at and present[at - 1] else at
            while first < at and not present[first]:
                first += 1
            chunk = signal[first : at + step]
            indices, counts, ranges = segmenter.push(first, chunk)
            for k, w in zip(indices.tolist(), counts, strict=True):
                assert k not in by_index
                by_index[k] = w
            lost += [k for begin, count in ranges for k in range(begin, begin + count)]
            for i in range(first, min(at + step, total)):
                present[i] = True
        at += step
    whole, missing = segment_by_definition(present, window, hop)
    assert sorted(by_index) == whole
    assert lost == missing
    for k, w in by_index.items():
        assert np.array_equal(w, signal[k * hop : k * hop + window])


def test_segmenter_restarts_at_the_next_whole_window():
    segmenter = Segmenter(4, 4, 1)
    segmenter.push(0, np.zeros((3, 1), np.int16))
    segmenter.restart(9)
    assert segmenter.next_window == 3
    indices, counts, lost = segmenter.push(9, np.arange(9, 16, dtype=np.int16)[:, None])
    assert indices.tolist() == [3]
    assert counts[0, :, 0].tolist() == [12, 13, 14, 15]
    assert lost == []


# --- a wrong dtype or shape is refused, never cast ----------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        lambda: AffineScaler([0], [1], 18, 0).scale(np.zeros((1, 4, 1), np.float32)),
        lambda: AffineScaler([0], [1], 18, 0).scale(np.zeros((1, 4, 2), np.int16)),
        lambda: AffineScaler([0, 0], [1], 18, 0),
        lambda: AffineScaler([0], [-1], 18, 0),
        lambda: AffineScaler([0], [1], 17, 0),
        lambda: PerWindowScaler(1, 0, 2**23, 0),
        lambda: ReconstructionError("rmse", 1, 1, 0, 0, 1.0),
        lambda: ReconstructionError("mse", 16385, 1, 0, 0, 1.0),
        lambda: ReconstructionError("mse", 1, 1, 0, 0, 1.0).score(
            np.zeros((1, 4), np.uint8), np.zeros((1, 4), np.int8)
        ),
        lambda: Segmenter(4, 0, 1),
        lambda: Segmenter(4, 1, 1).push(0, np.zeros((4, 2), np.int16)),
    ],
)
def test_bad_arguments_are_refused(call):
    with pytest.raises(ValueError, match="must"):
        call()
