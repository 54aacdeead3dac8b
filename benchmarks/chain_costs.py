"""Compare the predicted instructions of the chain's stages with counts, and fit them again.

    .venv/bin/python -m benchmarks.chain_costs             # the prediction beside the count
    .venv/bin/python -m benchmarks.chain_costs --write     # fits the costs again; a minute

The first form trains each recipe for one epoch and prints a line per stage of its chain. `--write`
counts some hundred random chains and fits `tools/convert/chain_costs.json` to them. Run it after a
change of a stage in `firmware/lib/signal`, with the compiler of `make setup`.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.cost_fit import fit_costs, summary, write_costs
from tests.support.chains import count_stages
from tools.convert.chain_work import (
    COSTS,
    STAGES,
    chain_shape,
    stage_instructions,
    stage_work,
)
from tools.convert.work import costs
from tools.measure.bench.small_bundle import small_bundle
from training import sections
from training.bundle import read_bundle
from training.bundle.chain import make_gate
from training.bundle.errors import VigilError
from training.bundle.features import STATISTICS, transform_points
from training.bundle.manifest import Biquads, GateLimits, Manifest, Segmenter, Tensor
from training.input_quantization import fit_input_quantizer
from training.quality_gate import NEVER
from training.recipe import read_recipe, recipe_names
from training.score import Reference, fit_score
from training.train import train

CHAINS = 240
PER_PROGRAM = 60  # chains in one program: their windows must fit the memory
WINDOWS = 4  # of each chain


def signal(rng: np.random.Generator, frames: int, channels: int) -> NDArray[np.int16]:
    """Windows such as sensors give: waves, noise, or both; int16 [WINDOWS, frames, channels]."""
    time = np.arange(frames)[:, None]
    cycles = rng.uniform(0.01, 0.2)
    phase = rng.uniform(0, 2 * np.pi, (WINDOWS, 1, channels))
    amplitude, noise = 10 ** rng.uniform(2, 4), 10 ** rng.uniform(0.5, 3)
    values = amplitude * np.sin(2 * np.pi * cycles * time + phase)
    values += rng.normal(0, noise, values.shape)
    return np.clip(np.rint(values), -32768, 32767).astype(np.int16)


def random_chain(rng: np.random.Generator, base: Manifest) -> tuple[Manifest, NDArray[np.int16]]:
    """A manifest with stages of random kinds and sizes, and windows for it.

    Args:
        base: of any bundle, whose other sections stay.
    """
    features = bool(rng.integers(2))
    frames = int(rng.integers(8, 700 if features else 1200))
    channels = int(rng.integers(1, 5))
    counts = signal(rng, frames, channels)
    chosen = sections.Features()
    kinds: list[str] = ["affine", "per_window"]
    if features:
        most = min(24, transform_points(frames) // 2)
        names = tuple(n for n in STATISTICS if n == "mean" or rng.integers(2))
        bands = int(rng.integers(1, most)) if rng.integers(3) else 0
        chosen = sections.Features(statistics=names, bands=bands)
        kinds.append("none")
    quantizer = fit_input_quantizer(
        sections.Scaler(kind=rng.choice(kinds)), counts, (1.0,) * channels, chosen
    )
    inputs = quantizer.quantize(counts)
    tensor = Tensor(size=inputs.shape[1], scale=0.0625, zero_point=quantizer.zero_point)
    scores = ["mse", "mae", *(["mahalanobis", "level", "join"] if features else [])]
    many = np.random.default_rng(1).integers(-128, 128, (300, inputs.shape[1])).astype(np.int8)
    score = fit_score(
        rng.choice(scores), tensor, tensor, Reference(many, many, quantizer.raw_size, channels)
    )
    section = [2**27, 0, 0, 0, 0]
    filtered: dict[str, Biquads] = {}
    if rng.integers(2):
        count = int(rng.integers(1, 7))
        filtered = {"filter": Biquads(kind="biquads", sections=[section] * count, delay=0.0)}
    model = base.model.model_copy(update={"input": tensor, "output": tensor})
    channel_names = [f"c{i}" for i in range(channels)]
    manifest = base.model_copy(
        update={
            "signal": base.signal.model_copy(update={"channels": channel_names}),
            "segmenter": Segmenter(kind="fixed", window=frames, hop=int(rng.integers(8, 600))),
            "gate": open_gate(channels, mains=bool(rng.integers(2))),
            "scaler": quantizer.scaler,
            "features": quantizer.features,
            "score": score,
            "model": model,
            **filtered,
        }
    )
    return manifest, counts


def open_gate(channels: int, *, mains: bool) -> GateLimits:
    """A gate that measures and passes every window."""
    return GateLimits(
        kind="limits",
        min_range=[0] * channels,
        min_variation=[0] * channels,
        max_run=[NEVER] * channels,
        max_extreme=[NEVER] * channels,
        max_mains=[NEVER] * channels,
        lowest=[-32768] * channels,
        highest=[32767] * channels,
        mains=[30000, 29000] if mains else [],
    )


def refit(chains: int = CHAINS) -> None:
    """Count random chains and write the costs."""
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        base = small_bundle(Path(folder) / "small").manifest
    made = [random_chain(rng, base) for _ in range(chains)]
    counted: list[dict[str, float]] = []
    for first in range(0, chains, PER_PROGRAM):
        some = made[first : first + PER_PROGRAM]
        with tempfile.TemporaryDirectory() as folder:
            counted += count_stages([m for m, _ in some], [w for _, w in some], Path(folder))
    table: dict[str, float] = {}
    works = [stage_work(chain_shape(manifest, counts)) for manifest, counts in made]
    for stage in STAGES:
        used = [i for i in range(chains) if works[i][stage]]
        target = np.array([counted[i][stage] for i in used])
        fitted, residuals = fit_costs([works[i][stage] for i in used], target, target, costs(COSTS))
        table |= fitted
        print(f"{stage}: {len(used)} chains, {summary(fitted, residuals)}")
    write_costs(COSTS, table)


def trained(name: str, folder: Path) -> tuple[Manifest, NDArray[np.int16]]:
    """The manifest of a recipe after one epoch, and its golden windows.

    Raises:
        VigilError: the recipe's data are not there.
    """
    changes = ["fit.epochs=1", "checks.challenge=0", "checks.baselines=false"]
    bundle = read_bundle(train(read_recipe(name, changes), folder / name, progress=False).path)
    counts = bundle.golden.counts
    return bundle.manifest, counts[make_gate(bundle.manifest.gate)(counts) == 0]


def compare(names: Sequence[str]) -> None:
    """Print the prediction beside the count, for recipes."""
    print(f"{'recipe':20}{'stage':>8}{'predicted':>12}{'counted':>12}{'difference':>12}")
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            try:
                manifest, counts = trained(name, Path(folder))
            except (VigilError, OSError) as error:
                print(f"{name:20} {error}")
                continue
            [counted] = count_stages([manifest], [counts], Path(folder))
        predicted = stage_instructions(chain_shape(manifest, counts))
        for stage in STAGES:
            if predicted[stage]:
                off = f"{predicted[stage] / counted[stage] - 1:+.2%}"
                numbers = f"{predicted[stage]:12,.0f}{counted[stage]:12,.0f}{off:>12}"
                print(f"{name:20}{stage:>8}{numbers}", flush=True)


def main() -> None:
    """Print the comparison, or fit the costs with --write."""
    if "--write" in sys.argv[1:]:
        refit()
    else:
        compare(sys.argv[1:] or recipe_names())


if __name__ == "__main__":
    main()
