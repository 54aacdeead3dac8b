"""The interpreter's fixed-point arithmetic, and the proof that one multiplication equals it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.convert.fixedpoint import (
    Multiplier,
    quantize_multiplier,
    requantize,
    rounding_divide,
    rounding_doubling_high,
)
from tools.convert.requantization import (
    OneMultiply,
    Requantization,
    best_shift,
    fits,
    one_multiply,
)

values = st.integers(1 << 30, (1 << 31) - 1)


def nearest(number: Fraction, tie_up: bool) -> int:
    """Round to nearest; ties up, or away from zero."""
    floor = number.__floor__()
    rest = number - floor
    if rest != Fraction(1, 2):
        return floor + (rest > Fraction(1, 2))
    return floor + 1 if tie_up or number > 0 else floor


@given(st.integers(-(2**31), 2**31 - 1), values)
def test_doubling_high_multiply_rounds_ties_up(value, by):
    expected = nearest(Fraction(value * by, 1 << 31), tie_up=True)
    assert rounding_doubling_high(np.array([value]), by)[0] == expected


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 31))
def test_division_rounds_ties_away_from_zero(value, exponent):
    expected = nearest(Fraction(value, 1 << exponent), tie_up=False)
    assert rounding_divide(np.array([value]), exponent)[0] == expected


@given(st.floats(1e-12, 1e6))
def test_quantized_multiplier_is_the_nearest(real):
    by = quantize_multiplier(real)
    if by.value == 0:
        assert real < 2**-32
    else:
        assert 1 << 30 <= by.value < 1 << 31
        got = Fraction(by.value) * Fraction(2) ** (by.shift - 31)
        assert abs(got / Fraction(real) - 1) <= Fraction(1, 1 << 31)


@pytest.mark.parametrize(("real", "value", "shift"), [
    (0.0, 0, 0),
    (1.0, 1 << 30, 1),
    (0.5, 1 << 30, 0),
    (1 - 2**-40, 1 << 30, 1),  # rounds up to the next power of two
    (2**-31, 1 << 30, -30),
    (2**-33, 0, 0),  # too small to count
])  # fmt: skip
def test_quantized_multiplier_at_its_corners(real, value, shift):
    assert quantize_multiplier(real) == Multiplier(value, shift)


rows = st.builds(
    Requantization,
    by=st.builds(Multiplier, values, st.integers(-14, 1)),
    zero_point=st.integers(-128, 127),
    low=st.sampled_from([-128, -128, -128, -100, 0]),
    high=st.sampled_from([127, 127, 127, 90]),
    least=st.integers(-60000, 0),
    most=st.integers(0, 60000),
)


@given(rows)
def test_steps_are_the_sums_at_which_the_output_rises(row):
    steps = row.steps
    for wanted in (1, 2, 100, 128, 200, 255):
        step = steps[wanted - 1]
        assert step > row.most or row(np.array([step]))[0] >= wanted
        assert step == row.least or row(np.array([step - 1]))[0] < wanted


@settings(max_examples=150, deadline=None)
@given(rows, st.booleans(), st.booleans())
def test_one_multiplication_equals_two_roundings_for_every_sum(row, after, signed):
    shift = best_shift(row.by)
    if not fits(row, shift, after):
        return
    form = one_multiply(row, shift, after=after, signed=signed)
    if form is not None:
        sums = np.arange(row.least, row.most + 1)
        assert (form(sums) == row(sums)).all()


@settings(max_examples=150, deadline=None)
@given(
    st.builds(Multiplier, values, st.integers(-14, -3)),
    st.integers(-128, 127),
    st.sampled_from(["none", "RELU"]),
)
def test_ordinary_layers_always_have_a_form(by, zero_point, activation):
    if activation == "RELU":
        zero_point = -128
    limit = min(1 << (13 - by.shift), 1 << 22)
    row = Requantization(by, zero_point, -128, 127, -limit, limit)
    assert one_multiply(row, best_shift(by), after=False, signed=activation == "none")


def test_a_wrong_form_is_not_proven():
    row = Requantization(Multiplier(1_500_000_001, -7), 3, -128, 127, -50000, 50000)
    form = one_multiply(row, best_shift(row.by), after=False, signed=True)
    assert form is not None
    step = 1 << 10  # more than the tolerance between two sums
    for wrong in (
        OneMultiply(form.shift, False, form.multiplier, form.rounding + step, form.correction),
        OneMultiply(form.shift, False, form.multiplier + (1 << 22), form.rounding, form.correction),
        OneMultiply(form.shift, False, form.multiplier, form.rounding, 0),
    ):
        assert not wrong.equals(row)


def test_requantize_shifts_left_first():
    assert requantize(np.array([3, -3]), Multiplier(1 << 30, 2)).tolist() == [6, -6]
