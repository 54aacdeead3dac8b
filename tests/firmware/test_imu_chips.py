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
