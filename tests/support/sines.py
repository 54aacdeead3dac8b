"""A bundle, its image, a recording to stream, and the scores of an undisturbed run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.images import emulated_image
from tests.support.requirements import toolchain_missing
from tools.measure.bench.small_bundle import WINDOW, small_bundle
from tools.monitor.run import run
from tools.monitor.settings import (
    Emulated,
    File,
    MonitorSettings,
    RecordingOptions,
    Streamed,
)
from training.bundle import Bundle

WINDOWS = 120


def sines(path: Path, bundle: Bundle) -> Path:
    """A CSV of windows in the bundle's units; every third is noisier and labelled so."""
    random, time_ = np.random.default_rng(5), np.arange(WINDOW) / WINDOW
    channel = bundle.manifest.signal.channels[0]
    lines = [f"# rate_hz: {bundle.manifest.signal.rate_hz}", f"{channel} [mV],label"]
    for k in range(WINDOWS):
        noise = 0.3 if k % 3 == 2 else 0.05
        wave = np.sin(2 * np.pi * (time_ + random.random())) + random.normal(0, noise, WINDOW)
        lines += [f"{value:.3f},{int(k % 3 == 2)}" for value in wave]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return small_bundle(tmp_path_factory.mktemp("bundles") / "sines")


@pytest.fixture(scope="module")
def csv_path(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sines(tmp_path_factory.mktemp("csv") / "sensor.csv", bundle)


@pytest.fixture(scope="module")
def image(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if reason := toolchain_missing():
        pytest.skip(reason)
    return emulated_image(bundle, tmp_path_factory.mktemp("image"))


@pytest.fixture
def port(image: Path) -> Iterator[str]:
    from tools.boards.emulated import EmulatedBoard

    with EmulatedBoard(image) as board:
        yield board.port


def scores(path: Path) -> dict[int, str]:
    """Return the scores of a recording as text, by window."""
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    by_index = {int(row[0]): row[2] for row in rows if row[2]}
    assert len(by_index) == len([row for row in rows if row[2]])  # each once
    return by_index


@pytest.fixture(scope="module")
def whole(bundle: Bundle, image: Path, csv_path: Path, tmp_path_factory: Any) -> dict[int, str]:
    """The scores of an undisturbed run."""
    record = tmp_path_factory.mktemp("whole") / "run.csv"
    out = record.with_suffix(".txt")
    with out.open("w") as file:
        (summary,) = run(
            MonitorSettings(
                bundle.path,
                (Emulated(image),),
                Streamed(File(csv_path)),
                "plain",
                recording=RecordingOptions(record),
            ),
            file,
        )
    assert summary.complete and summary.lost == 0 and summary.windows == WINDOWS
    assert summary.board is not None and summary.board.emulated
    assert summary.labelled == WINDOWS and (summary.recall or 0) > 0.5
    assert summary.mean_microseconds is not None and summary.mean_microseconds > 0
    assert "(emulated)" in out.read_text()
    return scores(record)
