"""Readings of the Nano's inertial chips: values, repeated and skipped measurements."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.build_cache import compile_objects, link
from tools.checkout import LIBRARIES, ROOT

SOURCE = ROOT / "tests/support/cpp/imu_readings.cpp"
COMPILER = [
    *("g++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover"),
]


@pytest.fixture(scope="module")
def program() -> Path:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed (run: make setup)")
    includes = [LIBRARIES / "board", LIBRARIES / "span"]
    return link(COMPILER, compile_objects(COMPILER, [SOURCE], includes), "imu_readings")


def read(program: Path, *arguments: str) -> list[int]:
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=True)
    return [int(number) for number in done.stdout.split()]


@pytest.mark.parametrize(
    ("chip_hz", "repeated", "skipped"), [("100", 0, 0), ("103", 0, 29), ("97", 30, 0)]
)
def test_the_bmi270s_clock_tells_what_was_missed(
    program: Path, chip_hz: str, repeated: int, skipped: int
) -> None:
    """1,000 readings at 100 Hz; the chip's own clock is off by 3 %."""
    found = read(program, "bmi270", "6", "100", chip_hz, "1000")
    assert found[0] == pytest.approx(repeated, abs=1)
    assert found[1] == pytest.approx(skipped, abs=1)


def test_the_bmi270_is_turned_as_the_first_revision_lies(program: Path) -> None:
    n = 10
    _, _, *values = read(program, "bmi270", "6", "100", "100", str(n))
    assert values == [-(n + 100), -n, n + 200, -(n + 400), -(n + 300), n + 500, 0, 0, 0]
    _, _, *values = read(program, "bmi270", "3", "100", "100", str(n))
    assert values == [-(n + 100), -n, n + 200, *[0] * 6]


def test_the_clock_of_24_bits_may_wrap(program: Path) -> None:
    """25.6 kHz wraps after 655 s."""
    repeated, skipped, *_ = read(program, "bmi270", "3", "25", "25", "20000")
    assert repeated == skipped == 0


@pytest.mark.parametrize(("axes", "values"), [("3", [7, 107, 207]), ("6", [7, 107, 207, 307])])
def test_the_lsm9ds1_tells_what_is_new(program: Path, axes: str, values: list[int]) -> None:
    repeated, skipped, *found = read(program, "lsm9ds1", axes, "119", "119", "7")
    assert (repeated, skipped) == (0, 0)
    assert found[: len(values)] == values
    repeated, skipped, *_ = read(program, "lsm9ds1", axes, "200", "119", "1000")
    assert repeated == pytest.approx(1000 - 595, abs=1)
    assert skipped == 0


CHIPS = [("lsm9ds1", "119"), ("bmi270", "100")]


def follow(
    program: Path, chip: str, rate: str, clock: float, first: int = 0, count: int = 0, how: str = ""
) -> list[int]:
    """Samples, missed, refused, out of step, and mHz, of 20,000 polls; `clock` is the chip's."""
    chip_hz = str(float(rate) * clock)
    return read(program, chip, "6", rate, chip_hz, "20000", str(first), str(count), how)


@pytest.mark.parametrize(("chip", "rate"), CHIPS)
@pytest.mark.parametrize("clock", [0.93, 0.97, 1.0, 1.03, 1.07])
def test_each_measurement_is_one_sample(program: Path, chip: str, rate: str, clock: float) -> None:
    """The chip's clock is off by up to 7 %: none is repeated, none is skipped."""
    samples, missed, refused, wrong, millihertz = follow(program, chip, rate, clock)
    assert (missed, refused, wrong) == (0, 0, 0)
    assert samples == pytest.approx(10_000 * clock, abs=1)
    assert millihertz == pytest.approx(1000 * float(rate) * clock, rel=2e-3)


@pytest.mark.parametrize(("chip", "rate"), CHIPS)
@pytest.mark.parametrize("polls", [1, 2, 3, 20, 170])
def test_measurements_lost_by_a_late_interrupt_keep_their_numbers(
    program: Path, chip: str, rate: str, polls: int
) -> None:
    """Two polls per measurement; 170 at 119 Hz are longer than the erase of a page of flash."""
    samples, missed, _, wrong, _ = follow(program, chip, rate, 1.0, 5000, polls, "late")
    assert polls / 2 - 1 <= missed <= polls / 2 + 1
    assert samples + missed == pytest.approx(10_000, abs=1)
    assert wrong == 0


@pytest.mark.parametrize(("chip", "rate"), CHIPS)
@pytest.mark.parametrize("polls", [1, 2, 20, 2000])
def test_a_chip_that_does_not_answer_gives_samples_without_values(
    program: Path, chip: str, rate: str, polls: int
) -> None:
    samples, missed, refused, wrong, _ = follow(program, chip, rate, 1.0, 5000, polls, "refused")
    assert refused <= polls / 2
    assert refused >= polls / 2 - 2
    assert samples + missed + refused == pytest.approx(10_000, abs=1)
    assert wrong == 0
