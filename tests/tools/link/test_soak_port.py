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
    streamed = plan(bundle, 60_000, 20)
    outcome = soak(streamed, elf, rate=0.03, seed=5, board_resets=6, host_restarts=6)
    assert outcome.complete, outcome
    assert outcome.scored + outcome.lost == outcome.windows == 2500
    assert outcome.lost == np.isnan(streamed.expected).sum() >= 20
    assert (set(outcome.board_resets), outcome.host_restarts) == (set(RESETS), 6)
    assert outcome.faults.total() > 10 and outcome.corrupt > 0


@pytest.mark.toolchain
def test_the_soak_detects_a_wrong_score_and_a_wrong_loss(bundle: Bundle, elf: Path) -> None:
    """One wrong expected score and one unexpected gap are both detected."""
    streamed = plan(bundle, 6_000, 3)
    expected = streamed.expected.copy()
    scored, lost = np.flatnonzero(~np.isnan(expected))[7], np.flatnonzero(np.isnan(expected))[0]
    expected[scored] = np.nextafter(expected[scored], np.float32(np.inf))
    expected[lost] = 1.0
    outcome = soak(
        replace(streamed, expected=expected), elf, rate=0.0, board_resets=0, host_restarts=0
    )
    assert (outcome.wrong, outcome.wrongly_lost) == (1, 1)
    assert not outcome.complete
