"""Division of 64 bits on the board, against Python's integers."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from tests.support.build_cache import compile_objects, link
from tools.checkout import LIBRARIES, ROOT

COMPILER = [*("g++", "-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror"), "-fsanitize=undefined"]


def test_quotients_are_exact_at_the_edges_and_at_random() -> None:
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed (run: make setup)")
    source = ROOT / "tests/support/cpp/quotients.cpp"
    program = link(COMPILER, compile_objects(COMPILER, [source], [LIBRARIES / "span"]), "quotients")
    rng = np.random.default_rng(1)
    values = [0, 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63, 2**64 - 1]
    divisors = [1, 2, 3, 360, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 1]
    pairs = [(value, divisor) for value in values for divisor in divisors]
    for bits, width in rng.integers(1, [65, 33], (2000, 2)):
        value = int.from_bytes(rng.bytes(8), "little") >> (64 - int(bits))
        pairs.append((value, max(int.from_bytes(rng.bytes(4), "little") >> (32 - int(width)), 1)))
    text = "\n".join(f"{value} {divisor}" for value, divisor in pairs)
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    assert not done.stderr
    assert [int(line) for line in done.stdout.split()] == [v // d for v, d in pairs]
