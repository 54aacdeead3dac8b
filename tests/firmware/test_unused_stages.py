"""A stage that a bundle does not use takes no flash: its code is not in the image."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.images import emulated_image
from tools.measure.bench.small_bundle import small_bundle
from training.beats import beats_at
from training.bundle.manifest import Biquads, Wearer
from training.filters import design

RATE = 180.0
STAGES = {
    "beats": ("BeatSegmenter", "Qrs::"),
    "filter": ("BiquadFilter", "Filtered"),
    "wearer": ("Wearer::",),
    "statistics": ("Statistics<", "vigil::totals(", "vigil::moments("),
    "spectrum": ("vigil::band_energies(", "vigil::transform(", "vigil_two_steps"),
    "per_window": ("PerWindowScaler", "integer_sqrt"),
    "affine": ("AffineScaler",),
    "mse": ("ReconstructionError<(vigil::ScoreKind)0>",),
    "mae": ("ReconstructionError<(vigil::ScoreKind)1>",),
    "rate": ("Resampler",),
    "gate": ("QualityGate",),
    "decision": ("vigil::Alarm", "vigil::Drift", "p_value"),
}


def stages(image: Path) -> set[str]:
    """The stages of which a symbol is in the image."""
    names = subprocess.run(
        ["arm-none-eabi-nm", "-C", image], capture_output=True, text=True, check=True
    ).stdout
    return {stage for stage, symbols in STAGES.items() if any(s in names for s in symbols)}


@pytest.mark.toolchain
def test_an_image_has_the_stages_of_its_bundle_and_no_others(tmp_path: Path) -> None:
    plain = small_bundle(tmp_path / "plain")
    assert stages(emulated_image(plain, tmp_path / "1")) == {"affine", "mse"}
    features = small_bundle(tmp_path / "features", features="beside", per_window=True)
    expected = {"per_window", "mse", "statistics", "spectrum"}
    assert stages(emulated_image(features, tmp_path / "2")) == expected
    heart = small_bundle(
        tmp_path / "heart",
        window=144,
        segmenter=beats_at(RATE, 144, 54),
        filter=Biquads(kind="biquads", sections=design(RATE, 0.5, 40, (50,)), delay=1.0),
        wearer=Wearer(score="template", first=40, length=72, shift=4, learn=24),
        rate_hz=RATE,
    )
    expected = {"affine", "mse", "beats", "filter", "wearer"}
    assert stages(emulated_image(heart, tmp_path / "3")) == expected
