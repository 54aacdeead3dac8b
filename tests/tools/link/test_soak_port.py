"""A short run of `benchmarks/link_soak_port.py`, over the port of the emulated board."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.support.images import emulated_image
from tests.support.link_soak_port import RESETS, Plan, make_plan, soak
from tools.measure.bench.small_bundle import small_bundle
from training.bundle import Bundle

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "waves")


@pytest.fixture(scope="module")
def elf(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return emulated_image(bundle, tmp_path_factory.mktemp("image"))


def plan(bundle: Bundle, samples: int, gaps: int) -> Plan:
    recording = bundle.golden.counts.reshape(-1, bundle.golden.counts.shape[-1])
    return make_plan(bundle, recording, samples, gaps)


@pytest.mark.toolchain
def test_every_window_once_with_the_interpreters_score_or_lost(bundle: Bundle, elf: Path) -> None:
    made = plan(bundle, 60_000, 20)
    found = soak(made, elf, rate=0.03, seed=5, board_resets=6, host_restarts=6)
    assert found.complete, found
    assert found.scored + found.lost == found.windows == 2500
    assert found.lost == np.isnan(made.expected).sum() >= 20
    assert (set(found.board_resets), found.host_restarts) == (set(RESETS), 6)
    assert found.faults.total() > 10 and found.corrupt > 0


@pytest.mark.toolchain
def test_it_would_notice(bundle: Bundle, elf: Path) -> None:
    """One score expected otherwise, one gap not told of: both show."""
    made = plan(bundle, 6_000, 3)
    expected = made.expected.copy()
    scored, lost = np.flatnonzero(~np.isnan(expected))[7], np.flatnonzero(np.isnan(expected))[0]
    expected[scored] = np.nextafter(expected[scored], np.float32(np.inf))
    expected[lost] = 1.0
    found = soak(replace(made, expected=expected), elf, rate=0.0, board_resets=0, host_restarts=0)
    assert (found.wrong, found.wrongly_lost) == (1, 1)
    assert not found.complete
