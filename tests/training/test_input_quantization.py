"""Quantization of the input: the scaler's integers, and the range that they cover."""

import numpy as np
import pytest

from training import sections
from training.bundle.chain import make_scaler
from training.bundle.errors import DataError
from training.input_quantization import fit_input_quantizer, fold_affine


def test_folded_scaler_equals_the_real_division_over_all_int16():
    counts = np.arange(-32768, 32768, dtype=np.int16).reshape(1, -1, 1)
    for per_step in (0.37, 1.0, 7.3, 128.5, 300.0):
        scaler = make_scaler(fold_affine(np.array([12]), np.array([per_step]), -5), 1)
        exact = np.clip(-5 + (counts[0, :, 0].astype(np.float64) - 12) / per_step, -128, 127)
        got = scaler.scale(counts)[0]
        assert np.abs(got - exact).max() <= 0.5 + 1e-4


@pytest.mark.parametrize("kind", ["affine", "per_window"])
def test_the_grid_covers_training_windows_with_room_to_spare(kind):
    rng = np.random.default_rng(1)
    counts = rng.normal([200, -50], [40, 900], (30, 64, 2)).astype(np.int16)
    quantizer = fit_input_quantizer(sections.Scaler(kind=kind, headroom=0.1), counts, (1.0, 1.0))
    q = quantizer.quantize(counts)
    assert -128 < q.min() < -90 and 90 < q.max() < 127
    real = quantizer.dequantize(q).reshape(counts.shape)
    assert np.abs(real.mean(axis=(0, 1))).max() < 0.05
    assert np.abs(real.std(axis=(0, 1)) - 1).max() < 0.05


def test_the_range_grid_is_zero_to_one():
    counts = np.random.default_rng(1).integers(10, 200, (30, 16, 1)).astype(np.int16)
    quantizer = fit_input_quantizer(sections.Scaler(real="range", headroom=0.0), counts, (1.0,))
    real = quantizer.dequantize(quantizer.quantize(counts))
    assert (real.min(), real.max()) == (0.0, pytest.approx(1.0))


def test_a_channel_that_is_constant_in_all_training_windows_is_refused():
    with pytest.raises(DataError, match="channel 0 is constant"):
        fit_input_quantizer(sections.Scaler(), np.full((3, 8, 1), 7, np.int16), (1.0,))


def test_a_least_deviation_beyond_int16_is_the_largest_one():
    counts = np.random.default_rng(1).integers(-99, 99, (30, 16, 1)).astype(np.int16)
    settings = sections.Scaler(kind="per_window", min_deviation=1e308)
    assert fit_input_quantizer(settings, counts, (10.0,)).scaler.min_deviation == 65535
